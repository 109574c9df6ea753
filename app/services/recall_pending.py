"""Pending turns as candidates of a recall: words ranked in pure code, vectors compared once they have one."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from uuid import UUID

import numpy as np
import numpy.typing as npt

from app.domain.event import Event
from app.domain.fusion import Evidence
from app.domain.keytext import key_text, plain_text
from app.domain.lexical import TEXT_LENGTH, document_vector
from app.domain.pending import PendingScore, PendingTurn
from app.domain.sparse import SparseVector
from app.domain.units import Terms, Unit, turn_unit
from app.inference.protocol import Encoder
from app.services.recall_search import Hits, Question
from app.storage.recall import PendingRow

# Turns just said are embedded on the read path, so that a question in other words finds them at once: one costs what a
# query costs (1.2 ms), the same turn is embedded once, and older ones wait for the worker.
EMBEDDED_NOW = 8
CACHED_VECTORS = 2_048  # 768 bytes each
CACHED_DOCUMENTS = 4_096  # a few MB; a busy user's pending turns are read by several recalls
SHOWN_ANYWAY = 20  # the newest pending turns are candidates whatever they say: they are what was just said


@dataclass(frozen=True, slots=True)
class PendingTurns:
    """The newest pending turns of a user, in order of arrival, and how many more there are."""

    events: Mapping[UUID, Event]
    turns: Sequence[PendingTurn]
    dense: Mapping[UUID, bytes]
    not_ranked: int

    @classmethod
    def of(cls, rows: Sequence[PendingRow], total: int) -> "PendingTurns":
        """From the rows; neighbours are those that are pending too."""
        events = {row.event.id: row.event for row in rows}
        before, after = _neighbours(events.values())
        turns = [
            PendingTurn(
                row.event.id,
                SparseVector.from_bytes(row.sparse) if row.sparse is not None else document(plain_text(row.event)),
                before.get(row.event.id),
                after.get(row.event.id),
            )
            for row in rows
        ]
        dense = {row.event.id: row.dense for row in rows if row.dense is not None}
        return cls(events, turns, dense, max(0, total - len(rows)))

    def unit(self, id_: UUID) -> Unit:
        """One of them as a candidate."""
        event = self.events[id_]
        return turn_unit(event, Terms(document(plain_text(event)).to_bytes()))

    def embedded(self, encoder: Encoder) -> "PendingTurns":
        """With vectors for the newest turns that have none yet; raises EncoderUnavailableError."""
        newest = [event for event in self.events.values() if event.id not in self.dense][-EMBEDDED_NOW:]
        fresh = {event.id: fresh_vector(encoder.encode_query, key_text(event)) for event in newest}
        return replace(self, dense={**self.dense, **fresh})

    def evidence(self, question: Question) -> dict[UUID, Evidence]:
        """Cosines of those that have a vector of this model."""
        if question.vector is None or not self.dense:
            return {}
        matrix = np.frombuffer(b"".join(self.dense.values()), dtype="<f2").reshape(len(self.dense), -1)
        cosines = matrix.astype(np.float32) @ question.vector
        return {id_: Evidence(dense=float(cosine)) for id_, cosine in zip(self.dense, cosines, strict=True)}

    def choose(self, scores: Mapping[UUID, PendingScore], evidence: Mapping[UUID, Evidence], hits: Hits) -> list[UUID]:
        """The pending turns that are worth ranking: the best of each signal, what the index found too, the newest."""
        chosen: dict[UUID, None] = {}
        for values in (
            {id_: score.rare for id_, score in scores.items()},
            {id_: score.text for id_, score in scores.items()},
            {id_: score.window for id_, score in scores.items()},
            {id_: known.dense or 0.0 for id_, known in evidence.items()},
        ):
            best = sorted((id_ for id_, value in values.items() if value > 0), key=lambda id_: -values[id_])
            chosen |= dict.fromkeys(best[: hits.limit])
        chosen |= dict.fromkeys(id_ for id_ in self.events if id_.int in hits.turns)
        chosen |= dict.fromkeys(list(self.events)[-SHOWN_ANYWAY:])
        return list(chosen)


NOTHING_PENDING = PendingTurns({}, (), {}, 0)


@lru_cache(maxsize=CACHED_VECTORS)
def fresh_vector(encode: Callable[[str], npt.NDArray[np.float32]], text: str) -> bytes:
    """The vector of a turn that extraction has not seen yet, as the database would hold it."""
    return encode(text).astype("<f2").tobytes()


@lru_cache(maxsize=CACHED_DOCUMENTS)
def document(text: str) -> SparseVector:
    """BM25 weights of a turn that extraction has not seen yet."""
    return document_vector(text, TEXT_LENGTH)


def _neighbours(events: Iterable[Event]) -> tuple[dict[UUID, UUID], dict[UUID, UUID]]:
    """The turn before and the turn after each, inside its session."""
    before: dict[UUID, UUID] = {}
    after: dict[UUID, UUID] = {}
    last: Event | None = None
    for event in sorted(events, key=lambda e: (e.session_id, e.occurred_at, e.seq)):
        if last is not None and last.session_id == event.session_id:
            before[event.id], after[last.id] = last.id, event.id
        last = event
    return before, after
