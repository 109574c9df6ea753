"""The life of memories after they are written: a use of them, what a decay sweep does, and the states that apps set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.domain import decay
from app.domain.decay import Step, StepKind, StepReason
from app.domain.lifecycle import State, StateAction, after, state_of
from app.domain.memory import Memory, MemoryStatus
from app.domain.scope import Scope, UserScope
from app.domain.secrets import mask
from app.domain.strength import RETURNED, USED, growth, strengths
from app.errors import FieldError, NotFoundError, PreconditionFailedError
from app.services import policy
from app.services.memories import INDEX, SameTextError, get
from app.storage import changes, lifecycle, memories, memory_states, work
from app.storage.db import Connection
from app.storage.lifecycle import Growth
from app.storage.memory_states import Move

ACTOR = "pipeline"


def note_uses(conn: Connection, scope: UserScope, uses: Mapping[UUID, float], at: datetime) -> list[UUID]:
    """Count `uses` of memories at `at` (a returned one is half a use). Returns those archived by a sweep that have been
    used wholly since then; `come_back` makes them active, in a transaction of its own.
    """
    if not uses:
        return []
    settings = policy.effective(conn, scope).retention
    found = lifecycle.touched(conn, scope, list(uses))
    stands = strengths([one.memory for one in found], settings, at)
    growths = [
        Growth(one.memory.id, uses[one.memory.id], growth(stand.retention, uses[one.memory.id], settings))
        for one, stand in zip(found, stands, strict=True)
    ]
    lifecycle.grow(conn, scope, growths, settings.most_stability, at)
    return [
        one.memory.id
        for one in found
        if one.put_away and uses[one.memory.id] + (RETURNED if one.used_since else 0.0) >= USED
    ]


def come_back(
    conn: Connection, scope: UserScope, memory_ids: Sequence[UUID], at: datetime, *, reason: str = "used"
) -> list[UUID]:
    """Make memories active again that a sweep archived and that were used since; returns them. One whose text another
    active memory says already stays where it is.
    """
    changes.lock_user(conn, scope)
    free = lifecycle.free_to_return(conn, scope, memory_ids, at)
    back = memory_states.move(conn, scope, free, Move(MemoryStatus.ACTIVE, "restore", reason, ACTOR, clears=True))
    if back:
        work.enqueue(conn, scope, INDEX)
        work.enqueue_tidy(conn, scope)
    return back


def said_again(conn: Connection, scope: UserScope, hashes: Sequence[bytes], at: datetime) -> list[UUID]:
    """Make memories active again that a sweep archived and whose text is said once more, before it is decided what that
    means: else a second row would stand beside the first. It counts as a whole use. Returns them.
    """
    archived = lifecycle.put_away_saying(conn, scope, hashes) if hashes else []
    if not archived:
        return []
    back = come_back(conn, scope, archived, at, reason="said_again")
    note_uses(conn, scope, dict.fromkeys(back, USED), at)
    return back


def sweep(conn: Connection, scope: UserScope, now: datetime, *, actor: str, dry_run: bool = False) -> list[Step]:
    """Decay of one user at `now`: what is done, or with `dry_run` would be."""
    changes.lock_user(conn, scope)  # also for what only looks: an erasure leaves nothing that was seen before it
    settings = policy.effective(conn, scope)
    if not settings.lifecycle.enabled:
        return []
    steps = decay.steps(lifecycle.kept(conn, scope), settings, now)
    if steps and not dry_run:
        _take(conn, scope, steps, now, actor)
    return steps


def expire(conn: Connection, scope: UserScope, now: datetime, *, actor: str = ACTOR) -> list[UUID]:
    """Write down what has expired, so that its text may be said again."""
    changes.lock_user(conn, scope)
    over = lifecycle.expired(conn, scope, now)
    if not over:
        return []
    moved = memory_states.move(conn, scope, over, _expiry(StepReason.EXPIRED, now, actor))
    work.enqueue(conn, scope, INDEX)  # last, as the index stage takes its locks: memories, then work
    return moved


@dataclass(frozen=True, slots=True)
class Order:
    """What an app asks to be done with a memory, why, over which of its versions (None: any), and who asks."""

    action: StateAction
    reason: str | None
    versions: Sequence[int] | None
    actor: str


def act(conn: Connection, project: Scope, memory_id: UUID, order: Order, now: datetime) -> tuple[Memory, Memory]:
    """Do what the app asks for; returns the memory before and after. Raises NotFoundError, PreconditionFailedError,
    ForbiddenMoveError, FrozenMemoryError, and SameTextError where another active memory says the same.
    """
    scope = UserScope(project.project_id, get(conn, project, memory_id).user_id)
    changes.lock_user(conn, scope)
    memory = memories.get(conn, scope, memory_id, lock=True)
    if memory is None:
        raise NotFoundError("There is no such memory.")
    if order.versions is not None and memory.version not in order.versions:
        field = FieldError("header:If-Match", f"the version is {memory.version}", "stale")
        raise PreconditionFailedError(f"The memory is at version {memory.version} now.", errors=(field,))
    state = after(memory, order.action, now)
    if state == state_of(memory):
        return memory, memory
    _only_text(conn, scope, memory, state)
    said = f"{order.action}: {mask(order.reason)}" if order.reason else order.action.value
    lifecycle.set_state(conn, scope, memory_id, state, (said, order.actor))
    work.enqueue(conn, scope, INDEX)
    work.enqueue_tidy(conn, scope)
    return memory, get(conn, scope, memory_id)


def _only_text(conn: Connection, scope: UserScope, memory: Memory, state: State) -> None:
    """Two active memories of a user never say the same."""
    if state.status is not MemoryStatus.ACTIVE or memory.status is MemoryStatus.ACTIVE:
        return
    same = memories.active_like(conn, scope, memory.id)
    if same is not None:
        field = FieldError("/action", f"{same} is active and says the same", "same")
        raise SameTextError("Another active memory says the same.", errors=(field,))


def _take(conn: Connection, scope: UserScope, steps: Sequence[Step], now: datetime, actor: str) -> None:
    for kind, reason in sorted({(step.kind, step.reason) for step in steps}):
        ids = [step.memory_id for step in steps if (step.kind, step.reason) == (kind, reason)]
        if kind is StepKind.ARCHIVE:
            memory_states.move(conn, scope, ids, Move(MemoryStatus.ARCHIVED, "decay", reason.value, actor))
        elif kind is StepKind.EXPIRE:
            memory_states.move(conn, scope, ids, _expiry(reason, now, actor))
    layered = [step for step in steps if step.kind in {StepKind.PROMOTE, StepKind.DEMOTE}]
    for layer in sorted({step.layer for step in layered}):
        lifecycle.set_layer(conn, scope, [step.memory_id for step in layered if step.layer == layer], layer, now)
    if len(layered) < len(steps):
        work.enqueue(conn, scope, INDEX)
        work.enqueue_tidy(conn, scope)


def _expiry(reason: StepReason, now: datetime, actor: str) -> Move:
    """Its own date ends also what is frozen: a later word than the flag would have taken the date away."""
    return Move(MemoryStatus.EXPIRED, "expire", reason.value, actor, until=now, frozen=True)
