"""The statuses of a memory as a state machine: which moves there are, and what an app's actions do. Pure.

`frozen` is a flag, not a status: what is frozen makes no move but an erasure, a wish for privacy and its own expiry.
"Faded" is a label, worked out when it is shown (`faded`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from app.domain.memory import Memory, MemoryStatus
from app.domain.policy_lifecycle import LifecyclePolicy
from app.domain.strength import Strength
from app.errors import ConflictError

_ = MemoryStatus
MOVES: Mapping[MemoryStatus, frozenset[MemoryStatus]] = MappingProxyType({
    _.ACTIVE: frozenset({_.SUPERSEDED, _.MERGED, _.INVALIDATED, _.ARCHIVED, _.EXPIRED, _.QUARANTINED, _.ERASED}),
    _.SUPERSEDED: frozenset({_.ACTIVE, _.INVALIDATED, _.ARCHIVED, _.QUARANTINED, _.ERASED}),
    _.MERGED: frozenset({_.ACTIVE, _.INVALIDATED, _.ARCHIVED, _.QUARANTINED, _.ERASED}),
    _.INVALIDATED: frozenset({_.ACTIVE, _.SUPERSEDED, _.ARCHIVED, _.QUARANTINED, _.ERASED}),
    _.ARCHIVED: frozenset({_.ACTIVE, _.INVALIDATED, _.EXPIRED, _.QUARANTINED, _.ERASED}),
    _.EXPIRED: frozenset({_.ACTIVE, _.INVALIDATED, _.ARCHIVED, _.QUARANTINED, _.ERASED}),
    _.QUARANTINED: frozenset({_.ACTIVE, _.INVALIDATED, _.EXPIRED, _.ERASED}),
    _.ERASED: frozenset(),
})  # fmt: skip


class StateAction(StrEnum):
    """What an app may ask for."""

    FREEZE = "freeze"
    UNFREEZE = "unfreeze"
    ARCHIVE = "archive"
    RESTORE = "restore"
    INVALIDATE = "invalidate"
    APPROVE = "approve"


# From which statuses each action leads where. What a newer value replaced does not come back beside it: restore a
# version, or invalidate the newer one.
_ACTIONS: Mapping[StateAction, tuple[frozenset[MemoryStatus], MemoryStatus]] = MappingProxyType({
    StateAction.ARCHIVE: (frozenset({_.ACTIVE, _.SUPERSEDED, _.MERGED, _.INVALIDATED, _.EXPIRED}), _.ARCHIVED),
    StateAction.RESTORE: (frozenset({_.ARCHIVED, _.EXPIRED, _.INVALIDATED, _.MERGED}), _.ACTIVE),
    StateAction.INVALIDATE: (frozenset({_.ACTIVE, _.ARCHIVED, _.EXPIRED, _.QUARANTINED}), _.INVALIDATED),
    StateAction.APPROVE: (frozenset({_.QUARANTINED}), _.ACTIVE),
})  # fmt: skip


class ForbiddenMoveError(ConflictError):
    """The memory's status does not allow the move."""

    code, title = "forbidden_move", "The memory cannot be moved so"


class FrozenMemoryError(ConflictError):
    """A frozen memory makes no move: unfreeze it first."""

    code, title = "memory_frozen", "The memory is frozen"


@dataclass(frozen=True, slots=True)
class State:
    """What an action may change of a memory."""

    status: MemoryStatus
    frozen: bool
    flagged: bool
    live_until: datetime | None
    expires_at: datetime | None


def check(memory: Memory, to: MemoryStatus) -> None:
    """Raise ForbiddenMoveError for a move that is not in `MOVES`, FrozenMemoryError for one of a frozen memory. A move
    to the status that it has is none.
    """
    if memory.status is to:
        return
    if to not in MOVES[memory.status]:
        raise ForbiddenMoveError(f"A memory that is {memory.status} does not become {to}.")
    if memory.frozen and to is not MemoryStatus.ERASED:
        raise FrozenMemoryError("The memory is frozen; unfreeze it first.")


def after(memory: Memory, action: StateAction, now: datetime) -> State:
    """What the memory becomes; the same state where there is nothing to do. Raises as `check` does."""
    state = state_of(memory)
    if action is StateAction.FREEZE:
        return replace(state, frozen=True)
    if action is StateAction.UNFREEZE:
        return replace(state, frozen=False)
    if action is StateAction.APPROVE and memory.status is MemoryStatus.ACTIVE:
        return replace(state, flagged=False)
    sources, to = _ACTIONS[action]
    if memory.status is to:
        return state
    if memory.status not in sources:
        raise ForbiddenMoveError(f"A memory that is {memory.status} does not become {to} by {action}.")
    check(memory, to)
    if to is MemoryStatus.ACTIVE:
        over = memory.expires_at is not None and memory.expires_at <= now
        expires_at = None if over else memory.expires_at  # else it would be gone at once
        return replace(state, status=to, flagged=False, live_until=None, expires_at=expires_at)
    ends = to is MemoryStatus.INVALIDATED and memory.live_until is None
    return replace(state, status=to, live_until=max(now, memory.live_from) if ends else memory.live_until)


def state_of(memory: Memory) -> State:
    """As it is."""
    return State(memory.status, memory.frozen, memory.flagged, memory.live_until, memory.expires_at)


def faded(memory: Memory, stands: Strength, policy: LifecyclePolicy) -> bool:
    """The label: active, and so little is left of it that a sweep would archive it if it mattered little."""
    return memory.status is MemoryStatus.ACTIVE and stands.retention < policy.archive_below


def status_at(memory: Memory, now: datetime) -> MemoryStatus:
    """The status to the second: what has expired is expired, also before the sweep has written it down."""
    over = memory.expires_at is not None and memory.expires_at <= now
    return MemoryStatus.EXPIRED if over and memory.status is MemoryStatus.ACTIVE else memory.status
