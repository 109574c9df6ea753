"""Other settings of recall for the time of a measurement: written to the project's policy, and put back afterwards."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx


@contextmanager
def tried(http: httpx.Client, changes: Mapping[str, Any]) -> Iterator[None]:
    """The policy of the project with these settings of `recall`; as it was once the block ends."""
    before = http.get("/v1/policy").raise_for_status().json()
    try:
        if changes:
            write(http, changes)
        yield
    finally:
        named = before["preset"] != "custom"
        body = {"preset": before["preset"]} if named else {"policy": before["policy"]}
        if changes:
            http.put("/v1/policy", json=body).raise_for_status()


def write(http: httpx.Client, changes: Mapping[str, Any]) -> None:
    """Change settings of `recall` in the project's policy."""
    policy = http.get("/v1/policy").raise_for_status().json()["policy"]
    policy["recall"] |= changes
    http.put("/v1/policy", json={"policy": policy}).raise_for_status()


def setting(text: str) -> tuple[str, Any]:
    """`name=value` as it is given on a command line."""
    name, _, value = text.partition("=")
    try:
        return name, float(value) if "." in value or "e" in value else int(value)
    except ValueError:
        return name, value
