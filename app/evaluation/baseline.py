"""BM25 over the raw turns of a user: what a memory must beat. No service, no model, no memories."""

import math
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from app.domain.bm25 import idf
from app.domain.lexical import TEXT_LENGTH, document_vector, query_vector
from app.domain.tokens import count_tokens
from app.evaluation.dataset import Event
from app.evaluation.systems import CONTEXT_TOKENS, Answer, Item


@dataclass
class _History:
    """One user's turns and, by term, which of them hold it with which weight."""

    events: list[Event] = field(default_factory=list)
    known: set[tuple[str, str]] = field(default_factory=set)
    postings: dict[int, list[tuple[int, float]]] = field(default_factory=lambda: defaultdict(list))


class Bm25:
    """The adapter. `sufficient` is true as soon as one word is shared."""

    name = "bm25"

    def __init__(self) -> None:
        self._users: dict[str, _History] = defaultdict(_History)

    def add(self, events: Sequence[Event]) -> None:
        for event in events:
            history = self._users[event["user_id"]]
            key = (event["session_id"], event["id"])
            if key in history.known:
                continue
            history.known.add(key)
            vector = document_vector(event["content"], TEXT_LENGTH)
            for term, weight in zip(vector.indices.tolist(), vector.values.tolist(), strict=True):
                history.postings[term].append((len(history.events), weight))
            history.events.append(event)

    def settle(self, user_id: str, advance: Callable[[int], None]) -> None:
        advance(len(self._users[user_id].events))

    def recall(
        self, user_id: str, query: str, *, limit: int, max_tokens: int = CONTEXT_TOKENS, as_of: str | None = None
    ) -> Answer:
        began = time.perf_counter()
        best = self._rank(self._users[user_id], query, as_of)[:limit]
        context, tokens, held = pack([event for event, _ in best], max_tokens)
        return Answer(
            ranked=tuple(event["id"] for event, _ in best),
            context=context,
            tokens=tokens,
            held=held,
            seconds=time.perf_counter() - began,
            sufficient=bool(best),
            items=tuple(item_of(event, score) for event, score in best),
        )

    def memories(self, user_id: str, *, status: str, as_of: str) -> list[Item] | None:  # noqa: ARG002 - it keeps none
        return None

    @staticmethod
    def _rank(history: _History, query: str, as_of: str | None) -> list[tuple[Event, float]]:
        """Turns said by then that share a word with the question, best first; the later one of equals."""
        cut = datetime.fromisoformat(as_of) if as_of else None
        scores: dict[int, float] = defaultdict(float)
        vector = query_vector(query)
        for term, count in zip(vector.indices.tolist(), vector.values.tolist(), strict=True):
            postings = history.postings.get(term, [])
            rarity = idf(len(history.events), len(postings))
            for place, weight in postings:
                scores[place] += count * weight * rarity
        order = sorted(scores, key=lambda place: (-scores[place], -place))
        found = ((history.events[place], scores[place]) for place in order)
        return [(e, s) for e, s in found if cut is None or said_at(e) <= cut]


def said_at(event: Event) -> datetime:
    """When the turn was said."""
    return datetime.fromisoformat(event["occurred_at"])


def pack(events: Sequence[Event], max_tokens: int) -> tuple[str, int, frozenset[str]]:
    """Dated lines of the best turns that fit, in order of time; how many tokens that is, and which turns."""
    chosen: list[Event] = []
    text = ""
    for event in events:
        longer = "\n".join(line_of(e) for e in sorted([*chosen, event], key=said_at))
        if count_tokens(longer) <= max_tokens:
            chosen.append(event)
            text = longer
    return text, count_tokens(text) if text else 0, frozenset(event["id"] for event in chosen)


def line_of(event: Event) -> str:
    """One turn as it stands in the context."""
    speaker = event.get("name") or event["role"]
    return f"[{event['occurred_at'][:16]}] {speaker}: {event['content']}"


def item_of(event: Event, score: float) -> Item:
    """One turn as an item of SPEC 4, as far as the measures read it."""
    source = {"client_id": event["id"], "session_id": event["session_id"], "occurred_at": event["occurred_at"]}
    return {
        "kind": "event",
        "id": event["id"],
        "text": event["content"],
        "score": score if math.isfinite(score) else 0.0,
        "occurred_at": event["occurred_at"],
        "sources": [source],
    }
