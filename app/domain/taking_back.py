"""A statement that is taken back: what goes with it, and what comes back because only it had ended it. Pure.

Part of `decide`. The outcome is that of never having heard what is taken back, in whatever order both arrive.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

from app.domain.change import Change, Decision, Neighbour
from app.domain.memory import Candidate, MemoryStatus

_ENDED = frozenset({MemoryStatus.SUPERSEDED, MemoryStatus.INVALIDATED})


def taken_back(candidate: Candidate, neighbours: Sequence[Neighbour]) -> Change:
    """Invalidates the memories that a model named, else what rests on nothing but the events that are taken back; what
    these had ended is believed again, or is ended by what had ended them.
    """
    by_id = {known.id: known for known in neighbours}
    gone = {known.id for known in neighbours if _is_meant(candidate, known, neighbours)}
    if not gone:
        return Change(Decision.IGNORE, "nothing_to_take_back")
    revives: list[UUID] = []
    hands_on: list[tuple[UUID, UUID]] = []
    for known in neighbours:
        if known.id in gone or known.superseded_by not in gone or known.status not in _ENDED:
            continue
        successor = _successor(known.superseded_by, gone, by_id)
        if successor is None:
            revives.append(known.id)
        else:
            hands_on.append((known.id, successor))
    return Change(
        Decision.INVALIDATE,
        "taken_back",
        invalidates=tuple(known.id for known in neighbours if known.id in gone),
        revives=tuple(revives),
        hands_on=tuple(hands_on),
    )


def _is_meant(candidate: Candidate, known: Neighbour, neighbours: Sequence[Neighbour]) -> bool:
    """Whether the memory is what is taken back: named, or resting on nothing else, inherited sources apart."""
    if known.frozen or known.status not in {MemoryStatus.ACTIVE, MemoryStatus.SUPERSEDED}:
        return False
    if candidate.targets:
        return known.status is MemoryStatus.ACTIVE and known.id in candidate.targets
    inherited = frozenset[UUID]().union(
        *(other.event_ids for other in neighbours if other.superseded_by == known.id and other.id != known.id)
    )
    own = (known.event_ids - inherited) or known.event_ids
    return bool(own) and own <= frozenset(candidate.retracts)


def _successor(memory_id: UUID | None, gone: set[UUID], by_id: Mapping[UUID, Neighbour]) -> UUID | None:
    """The first memory after `memory_id` in its chain that is not gone; None when the chain ends there."""
    seen: set[UUID] = set()
    while memory_id in gone and memory_id not in seen:
        seen.add(memory_id)
        memory_id = by_id[memory_id].superseded_by
    return memory_id
