"""Mneme as its users meet it: over HTTP, by the public contract alone."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from app.errors import UnavailableError
from app.evaluation.dataset import Event
from app.evaluation.systems import CONTEXT_TOKENS, Answer, Item

BATCH = 200  # events a request, below the service's 1,000 (SPEC 4)
BATCH_CHARACTERS = 1_000_000  # at most 4 MB in UTF-8, below the service's 8 MiB
POLL_SECONDS = 0.2
STALLED_SECONDS = 600.0  # without one event done: no worker runs


class Api(Protocol):
    """What is needed of a client; `app.cli.client.Service` is one."""

    def get(self, path: str, **query: Any) -> Any:
        """The JSON answer to a GET."""

    def post(self, path: str, body: Any, **query: Any) -> Any:
        """The JSON answer to a POST."""

    def items(self, path: str, **query: Any) -> Iterator[Any]:
        """All items of a paged list."""

    def attempt(self, method: str, path: str, **options: Any) -> Any:
        """The response, whatever it says."""


class Mneme:
    """The adapter. It remembers which event id of the service belongs to which of the data set."""

    name = "mneme"

    def __init__(self, api: Api) -> None:
        self._api = api
        self._clients: dict[str, str] = {}
        self._sent: dict[str, int] = {}

    def add(self, events: Sequence[Event]) -> None:
        for batch in batches(events):
            answer = self._api.post("/v1/events", {"events": batch})
            self._clients |= {item["id"]: item["client_id"] for item in answer["items"]}
            for event in batch:
                self._sent[event["user_id"]] = self._sent.get(event["user_id"], 0) + 1

    def settle(self, user_id: str, advance: Callable[[int], None]) -> None:
        least, since = None, time.monotonic()
        while True:
            pending = sum(1 for _ in self._api.items("/v1/events", user_id=user_id, state="pending"))
            advance(max(0, self._sent.get(user_id, 0) - pending))
            if pending == 0:
                return
            if least is None or pending < least:
                least, since = pending, time.monotonic()
            elif time.monotonic() - since > STALLED_SECONDS:
                raise UnavailableError(f"{pending} events of {user_id} stay pending. Is a worker running?")
            time.sleep(POLL_SECONDS)

    def recall(
        self, user_id: str, query: str, *, limit: int, max_tokens: int = CONTEXT_TOKENS, as_of: str | None = None
    ) -> Answer:
        body = {"user_id": user_id, "query": query, "limit": limit, "max_tokens": max_tokens, "record_usage": False}
        if as_of is not None:
            body["as_of"] = as_of
        began = time.perf_counter()
        answer = self._api.post("/v1/recall", body)
        seconds = time.perf_counter() - began
        return answer_of(answer, seconds, self._clients)

    def memories(self, user_id: str, *, status: str, as_of: str) -> list[Item] | None:
        return list(self._api.items("/v1/memories", user_id=user_id, status=status, as_of=as_of))


def batches(events: Sequence[Event]) -> Iterator[list[Event]]:
    """Groups that one request may carry, in order."""
    batch: list[Event] = []
    size = 0
    for event in events:
        if batch and (len(batch) == BATCH or size + len(event["content"]) > BATCH_CHARACTERS):
            yield batch
            batch, size = [], 0
        batch.append(event)
        size += len(event["content"])
    if batch:
        yield batch


def answer_of(answer: Mapping[str, Any], seconds: float, clients: Mapping[str, str]) -> Answer:
    """The service's answer. A context holds an event when one of its sections names it, or names a memory that an item
    of the answer shows to rest on it.
    """
    ranked = dict.fromkeys(source["client_id"] for item in answer["items"] for source in item["sources"])
    cited = {item["id"]: [source["client_id"] for source in item["sources"]] for item in answer["items"]}
    held: set[str] = set()
    for section in answer["context"]["sections"]:
        for id_ in section["ids"]:
            held.update(cited.get(id_, [clients[id_]] if id_ in clients else []))
    return Answer(
        ranked=tuple(ranked),
        context=answer["context"]["text"],
        tokens=answer["context"]["tokens"],
        held=frozenset(held),
        seconds=seconds,
        sufficient=answer["sufficient"],
        items=tuple(answer["items"]),
    )
