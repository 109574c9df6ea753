"""What each recall signal is worth: its weight in the project's policy is set to 0, everything is asked again.

Which weights there are is read from the policy itself, and the policy is put back whatever happens.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from typing import Any
from uuid import uuid4

from app.errors import UnavailableError
from app.evaluation.over_http import Api

PATH = "/v1/policy"
SECTION = "recall"
SIZES = ("share", "budget", "limit", "tokens", "events", "candidates", "days", "seconds")  # how such names end
Policy = dict[str, Any]


def weights(policy: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Where the weights of the section `recall` stand that are on: numbers with a fraction (sizes are whole numbers)
    whose name does not say a size, at any depth.
    """
    return [(SECTION, *path) for path in _numbers(policy.get(SECTION, {}))]


def _numbers(section: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for name, value in section.items():
        if isinstance(value, Mapping):
            yield from ((name, *path) for path in _numbers(value))
        elif isinstance(value, float) and value and not name.endswith(SIZES):
            yield (name,)


def without(policy: Mapping[str, Any], path: tuple[str, ...]) -> Policy:
    """The policy with one weight at 0."""
    changed = deepcopy(dict(policy))
    section = changed
    for name in path[:-1]:
        section = section[name]
    section[path[-1]] = 0.0
    return changed


def ablate(api: Api, measure: Callable[[str], dict[str, float]]) -> dict[str, dict[str, float] | None]:
    """The figures without each weight in turn, by its name; None where the service refuses a policy without it.
    `measure` asks everything again; it is told which weight is off.
    """
    found: dict[str, dict[str, float] | None] = {}
    with policy_kept(api) as policy:
        for path in weights(policy):
            name = ".".join(path[1:])
            written = _put(api, {"policy": without(policy, path)})
            found[name] = measure(name) if written.is_success else None
    return found


@contextmanager
def policy_kept(api: Api) -> Iterator[Policy]:
    """The policy that holds; it holds again when the block ends, also by an error or by Ctrl-C."""
    held = api.get(PATH)
    try:
        yield held["policy"]
    finally:
        restore(api, held)


def restore(api: Api, held: Mapping[str, Any]) -> None:
    """Write a policy back: by its preset when that still means the same, else whole."""
    answer = None
    if held["preset"] != "custom":
        answer = _put(api, {"preset": held["preset"]})
    if answer is None or not answer.is_success or answer.json()["policy"] != held["policy"]:
        answer = _put(api, {"policy": held["policy"]})
    if not answer.is_success:
        raise UnavailableError(f"the policy could not be put back ({answer.status_code}); it was: {held['policy']}")


def _put(api: Api, body: Mapping[str, Any]) -> Any:
    return api.attempt("PUT", PATH, json=body, headers={"Idempotency-Key": uuid4().hex})
