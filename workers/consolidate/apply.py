"""Decisions of one run, taken one after the other over an overlay of the user's memories, and what they write. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from app.clock import IdSource
from app.domain.change import Change, Decision, Neighbour
from app.domain.endings import closing
from app.domain.memory import Candidate, MemoryStatus
from app.domain.memory_writes import ChangedMemory, Decided, KnownMemory, MemoryWrites, NewMemory, Wording
from app.domain.normalise import text_hash
from app.storage.candidates import StoredCandidate
from workers.consolidate.linking import Linking, links_of
from workers.consolidate.overlay import Overlay, Vector

Decider = Callable[[Candidate, Sequence[Neighbour]], Change]
NO_LINKS = Linking(link_cosine=1.0, max_neighbours=0)


def decide_all(  # noqa: PLR0913 - what is decided, over what, with which rules
    candidates: Sequence[StoredCandidate],
    known: Sequence[KnownMemory],
    decider: Decider,
    new_id: IdSource,
    deleted: frozenset[UUID] = frozenset(),
    *,
    dense: Mapping[UUID, Vector] | None = None,
    taken_back: Mapping[UUID, datetime] | None = None,
    linking: Linking = NO_LINKS,
) -> MemoryWrites:
    """Decide the candidates in order. The result names the version of every memory that it relies on.

    `deleted` are candidates whose events already gave a memory that somebody deleted: they must not bring it back.
    `taken_back` are candidates whose events a statement that was read earlier took back, with its moment. `dense` has
    the vectors of known memories.
    """
    overlay = Overlay(known, dense or {}, room=len(candidates))
    before = {memory.neighbour.id: memory.neighbour for memory in known}
    run = _Run(overlay, decider, new_id, linking)
    decided: list[Decided] = []
    for item in candidates:
        if item.id in deleted:
            decided.append(Decided(item.id, "ignore", "deleted_before", None))
        elif taken_back and item.id in taken_back:
            decided.append(run.history(item, taken_back[item.id]))
        else:
            decided.append(run.decide(item))
    return _writes(overlay, before, decided)


class _Run:
    """One pass over the candidates."""

    def __init__(self, overlay: Overlay, decider: Decider, new_id: IdSource, linking: Linking) -> None:
        self.overlay, self.decider, self.new_id, self.linking = overlay, decider, new_id, linking

    def decide(self, item: StoredCandidate) -> Decided:
        """Take one decision and note what it does."""
        candidate = item.candidate
        near = self.overlay.near(candidate, item.dense, self.linking.max_neighbours)
        change = self.decider(candidate, near)
        memory_id = change.strengthens
        if memory_id is not None:
            self.overlay.strengthen(memory_id, candidate)
            if change.text is not None:
                self.overlay.reword(memory_id, Wording(change.text, item.dense, item.model), change.reason)
        elif change.adds:
            memory_id = self._add(item, change, near)
        self._finish(change, candidate, memory_id)
        return Decided(
            item.id,
            change.decision.value,
            change.reason,
            memory_id,
            ended=change.ends,
            invalidated=change.invalidates,
            revived=change.revives,
        )

    def history(self, item: StoredCandidate, taken_back_at: datetime) -> Decided:
        """Keep what was taken back before it was read: it was said, and is not believed."""
        same_text = text_hash(item.candidate.text)
        for known in self.overlay.near(item.candidate, item.dense, 0):
            if known.text_hash == same_text and known.event_ids.issuperset(item.candidate.event_ids):
                return Decided(item.id, "ignore", "known_before", None)
        change = Change(
            Decision.INVALIDATE,
            "taken_back",
            live_until=max(taken_back_at, item.candidate.occurred_at),
            keeps=True,
        )
        memory_id = self._add(item, change, [])
        return Decided(item.id, change.decision.value, change.reason, memory_id, invalidated=(memory_id,))

    def _add(self, item: StoredCandidate, change: Change, near: Sequence[Neighbour]) -> UUID:
        candidate = closing(item.candidate) if item.candidate.ends and item.candidate.attribute else item.candidate
        status = MemoryStatus.ACTIVE
        if change.live_until is not None:
            over = change.decision is Decision.INVALIDATE and change.superseded_by is None
            status = MemoryStatus.INVALIDATED if over else MemoryStatus.SUPERSEDED
        memory = NewMemory(
            id=item.memory_id or self.new_id(),
            candidate=candidate,
            text_hash=text_hash(candidate.text),
            status=status,
            live_until=change.live_until,
            superseded_by=change.superseded_by,
            reason=change.reason,
            dense=item.dense,
            model=item.model,
            live_from=candidate.occurred_at,
            valid_to=candidate.valid_to,
            links=links_of(candidate, change, near, self.linking),
        )
        self.overlay.add(memory)
        return memory.id

    def _finish(self, change: Change, candidate: Candidate, by: UUID | None) -> None:
        for memory_id in change.ends:
            until = change.ends_from or change.valid_to
            self.overlay.end(memory_id, MemoryStatus.SUPERSEDED, candidate, by, until, change.reason)
        for memory_id in change.invalidates:
            # What was wrong never was so: only a state that is over gets the day of its end.
            end = change.valid_to if change.reason == "ended" else None
            self.overlay.end(memory_id, MemoryStatus.INVALIDATED, candidate, by, end, change.reason)
        for memory_id in change.revives:
            self.overlay.revive(memory_id, change.reason)
        for memory_id, successor in change.hands_on:
            self.overlay.hand_on(memory_id, successor, change.reason)
        if change.inherits and by is not None:
            self.overlay.inherit(by, change.inherits)


def _writes(overlay: Overlay, before: dict[UUID, Neighbour], decided: list[Decided]) -> MemoryWrites:
    new = [_final(memory, overlay.known[memory.id], overlay.wordings.get(memory.id)) for memory in overlay.new.values()]
    changed = [
        ChangedMemory(overlay.known[memory_id], change, reason, overlay.wordings.get(memory_id))
        for memory_id, (change, reason) in overlay.changes.items()
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


def _final(memory: NewMemory, known: KnownMemory, wording: Wording | None) -> NewMemory:
    """The memory as the run leaves it."""
    neighbour = known.neighbour
    if wording is not None:
        candidate = replace(memory.candidate, text=wording.text)
        memory = replace(memory, candidate=candidate, text_hash=neighbour.text_hash, dense=wording.dense)
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
