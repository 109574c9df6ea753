"""Decisions that wait until the user sleeps: what stands in for them meanwhile, and how they are made good. Pure.

Online a statement is only added. Asleep, `decide` runs over the put-off candidates as if their stand-ins were not
there; `awakened` then turns what it would have written into changes of those stand-ins.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from app.domain.change import Change, Decision, Neighbour
from app.domain.decide import HISTORY
from app.domain.memory import Candidate, MemoryStatus
from app.domain.memory_writes import ChangedMemory, KnownMemory, MemoryWrites, NewMemory, Wording
from app.domain.normalise import text_hash

PUT_OFF = "put_off"  # the reason of a candidate whose decision waits
_CHANGE_OF = {MemoryStatus.SUPERSEDED: "supersede", MemoryStatus.INVALIDATED: "invalidate"}


def put_off(candidate: Candidate, neighbours: Sequence[Neighbour]) -> Change:
    """Add it, beside whatever is known. The same text once more, and what takes back, wait without a stand-in."""
    same_text = text_hash(candidate.text)
    if candidate.retracts:
        return Change(Decision.IGNORE, PUT_OFF)
    for known in neighbours:
        if known.text_hash == same_text and known.status is MemoryStatus.ACTIVE:
            return Change(Decision.IGNORE, PUT_OFF)
        if known.text_hash == same_text and known.status in HISTORY and known.event_ids.issuperset(candidate.event_ids):
            return Change(Decision.IGNORE, "known_before")  # the same events, read again
    return Change(Decision.ADD, PUT_OFF)


@dataclass(frozen=True, slots=True)
class Awakened:
    """What is to be written: `kept` are stand-ins that stay, whose links are new."""

    writes: MemoryWrites
    kept: tuple[NewMemory, ...]


def awakened(writes: MemoryWrites, stand_ins: Mapping[UUID, UUID], standing: Mapping[UUID, KnownMemory]) -> Awakened:
    """The writes of a run that did not see the stand-ins, as writes beside them.

    `stand_ins` are memories by their candidate, `standing` those memories as they are stored. One whose statement
    turned out to be known is merged into what says it; that comes first, so that its text is free.
    """
    made = {memory.id for memory in writes.new}
    merged = [
        _merged(standing[stand_ins[d.candidate_id]], d.memory_id, d.reason)
        for d in writes.decided
        if d.candidate_id in stand_ins and stand_ins[d.candidate_id] not in made
    ]
    why = {memory_id: d.reason for d in writes.decided for memory_id in (*d.ended, *d.invalidated)}
    kept = tuple(memory for memory in writes.new if memory.id in standing)
    changed = [_changed(memory, standing[memory.id], why.get(memory.id, memory.reason)) for memory in kept]
    return Awakened(
        replace(
            writes,
            new=tuple(memory for memory in writes.new if memory.id not in standing),
            changed=(*merged, *(change for change in changed if change is not None), *writes.changed),
        ),
        kept,
    )


def _merged(known: KnownMemory, into: UUID | None, reason: str) -> ChangedMemory:
    """It never was a belief of its own, so no time is left to it."""
    neighbour = replace(known.neighbour, status=MemoryStatus.MERGED, live_until=known.neighbour.live_from)
    return ChangedMemory(replace(known, neighbour=neighbour, superseded_by=into), "merge", reason)


def _changed(memory: NewMemory, known: KnownMemory, reason: str) -> ChangedMemory | None:
    """The stand-in as the decision leaves it; None when it is so already."""
    text = memory.candidate.text
    neighbour = replace(
        known.neighbour,
        text=text,
        text_hash=memory.text_hash,
        status=memory.status,
        live_from=memory.live_from,
        live_until=memory.live_until,
    )
    now = replace(
        known,
        neighbour=neighbour,
        confidence=memory.confidence,
        stability=memory.stability,
        valid_to=memory.valid_to,
        superseded_by=memory.superseded_by,
    )
    if _seen(now) == _seen(known):
        return None
    other = text != known.neighbour.text
    change = _CHANGE_OF.get(memory.status, "merge" if other else "strengthen")
    return ChangedMemory(now, change, reason, Wording(text, memory.dense, memory.model) if other else None)


def _seen(known: KnownMemory) -> tuple[object, ...]:
    """What a new version would tell; stored strengths are single floats."""
    n = known.neighbour
    strength = (round(known.confidence, 4), round(known.stability, 4))
    return (n.text, n.status, n.live_from, n.live_until, known.valid_to, known.superseded_by, strength)
