"""What is believed at one point of a run: stored memories and those that the run has made or changed. For `apply`.

Within a run a memory gets at most one new version: what was never committed was never known.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from uuid import UUID

import numpy as np
import numpy.typing as npt

from app.domain.change import Neighbour
from app.domain.dates import CalendarDate
from app.domain.memory import Candidate, MemoryStatus
from app.domain.memory_writes import KnownMemory, NewMemory, Wording
from app.domain.normalise import text_hash

Vector = npt.NDArray[np.float32]

STRENGTHEN_STABILITY = 1.0  # what one more saying adds to S in R = exp(-dt / (tau * S))
STRENGTHEN_CONFIDENCE = 0.2  # share of the remaining doubt that it removes
RANK = {
    "strengthen": 0,
    "merge": 1,
    "revive": 2,
    "supersede": 2,
    "invalidate": 3,
}  # the change that a version is named after


class Overlay:
    """Memories by id, found by text hash, by key, by source event and by vector."""

    def __init__(self, known: Iterable[KnownMemory], dense: Mapping[UUID, Vector], room: int) -> None:
        self.known = {memory.neighbour.id: memory for memory in known}
        self.new: dict[UUID, NewMemory] = {}
        self.changes: dict[UUID, tuple[str, str]] = {}
        self.wordings: dict[UUID, Wording] = {}
        self._by_hash: dict[bytes, set[UUID]] = {}
        self._by_key: dict[tuple[str | None, str | None], set[UUID]] = {}
        self._by_event: dict[UUID, set[UUID]] = {}
        self._places: list[UUID] = []
        self._row: dict[UUID, int] = {}
        length = len(next(iter(dense.values()))) if dense else 0
        self._matrix = np.zeros((len(dense) + room, length), dtype=np.float32)
        for memory in self.known.values():
            self._list(memory.neighbour)
            if memory.neighbour.id in dense:
                self._place(memory.neighbour.id, dense[memory.neighbour.id])

    def near(self, candidate: Candidate, dense: Vector, most: int) -> list[Neighbour]:
        """What the candidate may be about, in a fixed order; the `most` nearest by vector carry their cosine."""
        ids = set(self._by_hash.get(text_hash(candidate.text), ()))
        if candidate.attribute is not None:
            ids |= self._by_key.get((candidate.subject, candidate.attribute), set())
        for event_id in (*candidate.retracts, *candidate.corrects):
            ids |= self._by_event.get(event_id, set())
        if candidate.retracts:
            ids |= self._ended_by(ids | set(candidate.targets))
        ids |= self.known.keys() & set(candidate.targets)
        cosines = self._nearest(dense, most)
        return [
            replace(self.known[memory_id].neighbour, cosine=cosines.get(memory_id))
            for memory_id in sorted(ids | cosines.keys(), key=str)
        ]

    def _ended_by(self, ids: set[UUID]) -> set[UUID]:
        """What these memories have ended, and what has ended them in turn."""
        ended = {i for i, memory in self.known.items() if memory.neighbour.superseded_by in ids}
        later = {memory.neighbour.superseded_by for i, memory in self.known.items() if i in ids}
        return ended | {i for i in later if i is not None and i in self.known}

    def add(self, memory: NewMemory) -> None:
        """A memory that this run makes."""
        candidate = memory.candidate
        neighbour = Neighbour(
            id=memory.id,
            version=0,
            type=candidate.type,
            text=candidate.text,
            text_hash=memory.text_hash,
            subject=candidate.subject,
            attribute=candidate.attribute,
            value=candidate.value,
            single_valued=candidate.single_valued,
            negated=candidate.negated,
            status=memory.status,
            frozen=False,
            live_from=candidate.occurred_at,
            live_until=memory.live_until,
            last_said_at=candidate.occurred_at,
            event_ids=frozenset(candidate.event_ids),
            session_id=candidate.session_id,
            superseded_by=memory.superseded_by,
            said_until=candidate.valid_to,
        )
        self.new[memory.id] = memory
        self.known[memory.id] = KnownMemory(neighbour, candidate.confidence, 1.0, memory.valid_to, memory.superseded_by)
        self._list(neighbour)
        self._place(memory.id, memory.dense)

    def end(  # noqa: PLR0913, PLR0917 - what ends, how, from when, why
        self,
        memory_id: UUID,
        status: MemoryStatus,
        candidate: Candidate,
        by: UUID | None,
        valid_to: CalendarDate | None,
        reason: str,
    ) -> None:
        """The memory is no longer the belief from the moment of `candidate` on."""
        known = self.known[memory_id]
        until = max(candidate.occurred_at, known.neighbour.live_from)
        if known.neighbour.live_until is not None:
            until = min(until, known.neighbour.live_until)
        neighbour = replace(known.neighbour, status=status, live_until=until, superseded_by=by)
        self.known[memory_id] = replace(
            known, neighbour=neighbour, superseded_by=by, valid_to=known.valid_to or valid_to
        )
        self._note(memory_id, "supersede" if status is MemoryStatus.SUPERSEDED else "invalidate", reason)

    def revive(self, memory_id: UUID, reason: str) -> None:
        """The memory is believed again: what had ended it is taken back. Where another one says the same by now, in the
        same words, that one stands for it.
        """
        known = self.known[memory_id]
        twin = self._twin(memory_id)
        if twin is not None:
            self.hand_on(memory_id, twin, reason)
            return
        neighbour = replace(known.neighbour, status=MemoryStatus.ACTIVE, live_until=None, superseded_by=None)
        self.known[memory_id] = replace(known, neighbour=neighbour, superseded_by=None, valid_to=neighbour.said_until)
        self._note(memory_id, "revive", reason)

    def _twin(self, memory_id: UUID) -> UUID | None:
        """Another active memory with the same text."""
        alike = self._by_hash.get(self.known[memory_id].neighbour.text_hash, set()) - {memory_id}
        active = (id_ for id_ in alike if self.known[id_].neighbour.status is MemoryStatus.ACTIVE)
        return min(active, key=str, default=None)

    def hand_on(self, memory_id: UUID, successor: UUID, reason: str) -> None:
        """The memory is ended by another one than it was."""
        known = self.known[memory_id]
        neighbour = replace(known.neighbour, superseded_by=successor)
        self.known[memory_id] = replace(known, neighbour=neighbour, superseded_by=successor)
        self._note(memory_id, "supersede", reason)

    def strengthen(self, memory_id: UUID, candidate: Candidate) -> bool:
        """One more event says it; False when its sources were known already."""
        known = self.known[memory_id]
        neighbour = known.neighbour
        if neighbour.event_ids.issuperset(candidate.event_ids):
            return False
        neighbour = replace(
            neighbour,
            event_ids=neighbour.event_ids.union(candidate.event_ids),
            live_from=min(neighbour.live_from, candidate.occurred_at),
            last_said_at=max(neighbour.last_said_at, candidate.occurred_at),
        )
        self.known[memory_id] = replace(
            known,
            neighbour=neighbour,
            confidence=known.confidence + (1.0 - known.confidence) * STRENGTHEN_CONFIDENCE,
            stability=known.stability + STRENGTHEN_STABILITY,
            said_again=True,
        )
        self._list(neighbour)
        self._note(memory_id, "strengthen", "said_again")
        return True

    def reword(self, memory_id: UUID, wording: Wording, reason: str) -> None:
        """Another wording of the same, with its own vectors."""
        known = self.known[memory_id]
        same = text_hash(wording.text)
        self._by_hash.get(known.neighbour.text_hash, set()).discard(memory_id)
        neighbour = replace(known.neighbour, text=wording.text, text_hash=same)
        self.known[memory_id] = replace(known, neighbour=neighbour)
        self.wordings[memory_id] = wording
        self._list(neighbour)
        self._place(memory_id, wording.dense)
        self._note(memory_id, "merge", reason)

    def inherit(self, memory_id: UUID, from_ids: Iterable[UUID]) -> None:
        """What `from_ids` rest on, this memory rests on too: it says the same and more."""
        known = self.known[memory_id]
        others = [self.known[other].neighbour for other in from_ids]
        neighbour = replace(
            known.neighbour,
            event_ids=known.neighbour.event_ids.union(*(o.event_ids for o in others)),
            last_said_at=max([known.neighbour.last_said_at, *(o.last_said_at for o in others)]),
        )
        self.known[memory_id] = replace(known, neighbour=neighbour)
        self._list(neighbour)

    def _note(self, memory_id: UUID, change: str, reason: str) -> None:
        before = self.changes.get(memory_id)
        if before is None or RANK[change] >= RANK[before[0]]:
            self.changes[memory_id] = (change, reason)

    def _list(self, neighbour: Neighbour) -> None:
        self._by_hash.setdefault(neighbour.text_hash, set()).add(neighbour.id)
        if neighbour.attribute is not None:
            self._by_key.setdefault((neighbour.subject, neighbour.attribute), set()).add(neighbour.id)
        for event_id in neighbour.event_ids:
            self._by_event.setdefault(event_id, set()).add(neighbour.id)

    def _place(self, memory_id: UUID, dense: Vector) -> None:
        """Put the vector where `_nearest` sees it."""
        if self._matrix.shape[1] != len(dense):
            if self._places:
                return  # of another encoder: not comparable
            self._matrix = np.zeros((len(self._matrix), len(dense)), dtype=np.float32)
        row = self._row.get(memory_id)
        if row is None:
            row = self._row[memory_id] = len(self._places)
            self._places.append(memory_id)
        self._matrix[row] = dense

    def _nearest(self, dense: Vector, most: int) -> dict[UUID, float]:
        """The nearest active memories with their cosine: vectors are unit vectors up to float16."""
        rows = len(self._places)
        if not rows or not most or self._matrix.shape[1] != len(dense):
            return {}
        cosines = self._matrix[:rows] @ dense
        found: dict[UUID, float] = {}
        for row in np.argsort(-cosines, kind="stable"):
            memory_id = self._places[row]
            if self.known[memory_id].neighbour.status is MemoryStatus.ACTIVE:
                found[memory_id] = float(cosines[row])
                if len(found) == most:
                    break
        return found
