"""Decisions of one run, taken one after the other over an overlay of the user's memories, and what they write. Pure.

Within a run a memory gets at most one new version: what was never committed was never known.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from app.clock import IdSource
from app.domain.change import Change, Neighbour
from app.domain.dates import CalendarDate
from app.domain.memory import Candidate, MemoryStatus
from app.domain.memory_writes import Decided, KnownMemory, MemoryWrites, NewMemory
from app.domain.normalise import text_hash
from app.storage.candidates import StoredCandidate

Decider = Callable[[Candidate, Sequence[Neighbour]], Change]

STRENGTHEN_STABILITY = 1.0  # what one more saying adds to S in R = exp(-dt / (tau * S))
STRENGTHEN_CONFIDENCE = 0.2  # share of the remaining doubt that it removes


@dataclass(slots=True)
class _Overlay:
    """What is believed at this point of the run: stored memories and those that the run has made or changed."""

    known: dict[UUID, KnownMemory]
    by_hash: dict[bytes, set[UUID]] = field(default_factory=dict)
    by_key: dict[tuple[str | None, str | None], set[UUID]] = field(default_factory=dict)
    new: dict[UUID, NewMemory] = field(default_factory=dict)
    changes: dict[UUID, str] = field(default_factory=dict)
    reasons: dict[UUID, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for memory in self.known.values():
            self._list(memory.neighbour)

    def _list(self, neighbour: Neighbour) -> None:
        self.by_hash.setdefault(neighbour.text_hash, set()).add(neighbour.id)
        if neighbour.attribute is not None:
            self.by_key.setdefault((neighbour.subject, neighbour.attribute), set()).add(neighbour.id)

    def near(self, candidate: Candidate, same_text: bytes) -> list[Neighbour]:
        """What the candidate may be about, in a fixed order."""
        ids = set(self.by_hash.get(same_text, ()))
        if candidate.attribute is not None:
            ids |= self.by_key.get((candidate.subject, candidate.attribute), set())
        return [self.known[memory_id].neighbour for memory_id in sorted(ids, key=str)]

    def add(self, memory: NewMemory, event_ids: Iterable[UUID]) -> None:
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
            event_ids=frozenset(event_ids),
        )
        self.new[memory.id] = memory
        self.known[memory.id] = KnownMemory(neighbour, candidate.confidence, 1.0, memory.valid_to, memory.superseded_by)
        self._list(neighbour)

    def end(self, memory_id: UUID, candidate: Candidate, by: UUID, valid_to: CalendarDate | None, reason: str) -> None:
        """The memory is no longer the belief from the moment of `candidate` on."""
        known = self.known[memory_id]
        until = max(candidate.occurred_at, known.neighbour.live_from)
        if known.neighbour.live_until is not None:
            until = min(until, known.neighbour.live_until)
        neighbour = replace(known.neighbour, status=MemoryStatus.SUPERSEDED, live_until=until)
        self.known[memory_id] = replace(
            known, neighbour=neighbour, superseded_by=by, valid_to=known.valid_to or valid_to
        )
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
        )
        self._note(memory_id, "strengthen", "said_again")
        return True

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

    def _note(self, memory_id: UUID, change: str, reason: str) -> None:
        if self.changes.get(memory_id) != "supersede":
            self.changes[memory_id], self.reasons[memory_id] = change, reason


def decide_all(
    candidates: Sequence[StoredCandidate],
    known: Sequence[KnownMemory],
    decider: Decider,
    new_id: IdSource,
    deleted: frozenset[UUID] = frozenset(),
) -> MemoryWrites:
    """Decide the candidates in order. The result names the version of every memory that it relies on.

    `deleted` are candidates whose events already gave a memory that somebody deleted: they must not bring it back.
    """
    overlay = _Overlay({memory.neighbour.id: memory for memory in known})
    before = {memory.neighbour.id: memory.neighbour for memory in known}
    decided: list[Decided] = []
    for item in candidates:
        candidate = item.candidate
        if item.id in deleted:
            decided.append(Decided(item.id, "ignore", "deleted_before", None))
            continue
        same_text = text_hash(candidate.text)
        change = decider(candidate, overlay.near(candidate, same_text))
        if change.strengthens is not None:
            overlay.strengthen(change.strengthens, candidate)
            decided.append(Decided(item.id, change.decision.value, change.reason, change.strengthens))
            continue
        if not change.adds:
            decided.append(Decided(item.id, change.decision.value, change.reason, None))
            continue
        memory_id = new_id()
        late = change.live_until is not None
        memory = NewMemory(
            id=memory_id,
            candidate=candidate,
            text_hash=same_text,
            status=MemoryStatus.SUPERSEDED if late else MemoryStatus.ACTIVE,
            live_until=change.live_until,
            superseded_by=change.superseded_by,
            reason=change.reason,
            dense=item.dense,
            model=item.model,
            live_from=candidate.occurred_at,
            valid_to=candidate.valid_to,
            links=change.links,
        )
        overlay.add(memory, candidate.event_ids)
        for ended in change.ends:
            overlay.end(ended, candidate, memory_id, change.valid_to, change.reason)
        if change.inherits:
            overlay.inherit(memory_id, change.inherits)
        decided.append(Decided(item.id, change.decision.value, change.reason, memory_id))
    return _writes(overlay, before, decided)


def _writes(overlay: _Overlay, before: dict[UUID, Neighbour], decided: list[Decided]) -> MemoryWrites:
    new = [_final(memory, overlay.known[memory.id]) for memory in overlay.new.values()]
    changed = [
        overlay.known[memory_id].changed(change, overlay.reasons[memory_id])
        for memory_id, change in overlay.changes.items()
        if memory_id not in overlay.new
    ]
    sources = [
        (memory_id, event_id)
        for memory_id, known in overlay.known.items()
        for event_id in sorted(
            known.neighbour.event_ids - (before[memory_id].event_ids if memory_id in before else frozenset()), key=str
        )
    ]
    return MemoryWrites(
        new=tuple(new),
        changed=tuple(changed),
        sources=tuple(sources),
        decided=tuple(decided),
        relied_on={memory_id: neighbour.version for memory_id, neighbour in before.items()},
    )


def _final(memory: NewMemory, known: KnownMemory) -> NewMemory:
    """The memory as the run leaves it."""
    neighbour = known.neighbour
    return replace(
        memory,
        status=neighbour.status,
        live_from=neighbour.live_from,
        live_until=neighbour.live_until,
        superseded_by=known.superseded_by,
        valid_to=known.valid_to,
        confidence=known.confidence,
        stability=known.stability,
    )
