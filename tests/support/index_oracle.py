"""What a search must return, computed the slow and obvious way, and random points to compare it on."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np

from app.domain.bm25 import idf
from app.domain.fusion import Evidence
from app.domain.scope import UserScope
from app.domain.sparse import SparseVector
from app.index.protocol import IndexFilter, IndexPoint, IndexQuery, PointKind, Signal

DIMENSION = 24
NOW = datetime(2024, 5, 1, 12, tzinfo=UTC)


@dataclass
class Oracle:
    """All points of all users, as they were written."""

    points: dict[UserScope, dict[UUID, IndexPoint]] = field(default_factory=dict)

    def write(self, scope: UserScope, points: list[IndexPoint]) -> None:
        self.points.setdefault(scope, {}).update({point.id: point for point in points})

    def search(self, query: IndexQuery) -> dict[Signal, dict[UUID, float]]:
        """Scores of every point of the user that satisfies the filter, by signal; lexical ones only where a term is."""
        own = list(self.points.get(query.scope, {}).values())
        chosen = {point.id for point in own if satisfies(point, query.filter)}
        found: dict[Signal, dict[UUID, float]] = {}
        if query.dense is not None:
            found[Signal.DENSE] = {p.id: cosine(p.dense, query.dense) for p in own if p.dense is not None}
        for signal, terms in ((Signal.TEXT, query.text), (Signal.WINDOW, query.window)):
            if terms is not None:
                held = {p.id: v for p in own if (v := p.text if signal is Signal.TEXT else p.window) is not None}
                found[signal] = bm25(held, terms)
        return {signal: {i: s for i, s in scores.items() if i in chosen} for signal, scores in found.items()}


def by_signal(found: Mapping[UUID, Evidence]) -> dict[UUID, dict[Signal, float]]:
    """What a search found, as the oracle names the scores."""
    named = {id_: {Signal.DENSE: e.dense, Signal.TEXT: e.text, Signal.WINDOW: e.window} for id_, e in found.items()}
    return {id_: {name: score for name, score in of.items() if score is not None} for id_, of in named.items()}


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a.astype(np.float64), b.astype(np.float64)
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


def bm25(held: dict[UUID, SparseVector], terms: SparseVector) -> dict[UUID, float]:
    """N is the number of the user's documents that have this sparse vector, whatever the filter of the query."""
    frequency = Counter(int(term) for vector in held.values() for term in vector.indices)
    weights = {
        int(term): float(weight) * idf(len(held), frequency[int(term)])
        for term, weight in zip(terms.indices, terms.values, strict=True)
    }
    scores = {}
    for identity, vector in held.items():
        shared = [(int(t), float(w)) for t, w in zip(vector.indices, vector.values, strict=True) if int(t) in weights]
        if shared:
            scores[identity] = sum(weights[term] * weight for term, weight in shared)
    return scores


def satisfies(point: IndexPoint, by: IndexFilter) -> bool:
    memory = point.kind is PointKind.MEMORY
    return (
        (not by.kinds or point.kind in by.kinds)
        and (not by.session_ids or point.session_id in by.session_ids)
        and (not by.agent_ids or point.agent_id in by.agent_ids)
        and (not by.types or not memory or point.type in by.types)
        and (not by.statuses or not memory or point.status in by.statuses)
        and (by.occurred_from is None or point.occurred_at >= by.occurred_from)
        and (by.occurred_to is None or point.occurred_at < by.occurred_to)
        and (
            by.live_at is None
            or (point.live_from <= by.live_at and (point.live_until is None or point.live_until > by.live_at))
        )
    )


def terms(rng: np.random.Generator, number: int, vocabulary: int = 60) -> SparseVector:
    """Distinct term ids, some near the top of uint32, with weights."""
    indices = np.unique(rng.integers(0, vocabulary, number)).astype(np.uint32) * np.uint32(70_000_000)
    return SparseVector(indices, rng.uniform(0.2, 2.0, len(indices)).astype(np.float32))


def question(rng: np.random.Generator, number: int = 5, vocabulary: int = 60) -> SparseVector:
    """As `terms`, with weight 1."""
    made = terms(rng, number, vocabulary)
    return SparseVector(made.indices, np.ones(len(made.indices), dtype=np.float32))


def dense(rng: np.random.Generator) -> np.ndarray:
    return rng.standard_normal(DIMENSION).astype(np.float32)


def point(rng: np.random.Generator, **given) -> IndexPoint:
    """A random event or memory; some have no window, no text or no dense vector, some are no longer live."""
    memory = bool(rng.integers(2))
    occurred = NOW + timedelta(seconds=float(rng.integers(0, 100)), microseconds=int(rng.integers(1_000_000)))
    ended = occurred + timedelta(seconds=float(rng.integers(1, 40))) if rng.random() < 0.3 else None
    made = {
        "id": UUID(bytes=rng.bytes(16), version=4),
        "kind": PointKind.MEMORY if memory else PointKind.EVENT,
        "version": int(rng.integers(1, 9)),
        "session_id": None if rng.random() < 0.1 else f"s{rng.integers(4)}",
        "agent_id": None if rng.random() < 0.5 else f"a{rng.integers(3)}",
        "type": str(rng.choice(["fact", "preference", "episode"])) if memory else None,
        "status": str(rng.choice(["active", "superseded"])) if memory else str(rng.choice(["user", "assistant"])),
        "occurred_at": occurred,
        "live_from": occurred,
        "live_until": ended,
        "dense": None if rng.random() < 0.05 else dense(rng),
        "text": None if rng.random() < 0.05 else terms(rng, 8),
        "window": None if memory else terms(rng, 20),
    }
    return IndexPoint(**{**made, **given})
