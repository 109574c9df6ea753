"""What users say of memories: kept, and acted on in the same transaction."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.domain.feedback import USES, Feedback, FeedbackEffect, FeedbackSignal, Judgement, judge
from app.domain.memory import Memory
from app.domain.scope import Scope, UserScope
from app.domain.strength import LAPSE, USED
from app.errors import NotFoundError
from app.services import lifecycle, memories
from app.storage import changes, work
from app.storage import feedback as store
from app.storage import lifecycle as lifecycle_store
from app.storage import memories as memory_store
from app.storage.db import Connection


@dataclass(frozen=True, slots=True)
class Said:
    """A signal with the words beside it."""

    id: UUID
    signal: FeedbackSignal
    note: str | None = None
    query: str | None = None


@dataclass(frozen=True, slots=True)
class Given:
    """The feedback as it was kept, the memory as it is now, and the version that it had before."""

    memory: Memory
    feedback: Feedback
    effect: FeedbackEffect
    version_before: int


def page(
    conn: Connection, scope: Scope, memory_id: UUID, *, after: tuple[datetime, UUID] | None, limit: int
) -> list[Feedback]:
    """What was said of one memory, the first one first."""
    return store.page(conn, scope, memory_id, after=after, limit=limit)


def give(  # noqa: PLR0913 - what is said of what, when, by whom
    conn: Connection, project: Scope, memory_id: UUID, said: Said, now: datetime, *, actor: str
) -> Given:
    """Keep the feedback and do what it asks for; raises NotFoundError."""
    scope = UserScope(project.project_id, memories.get(conn, project, memory_id).user_id)
    changes.lock_user(conn, scope)
    memory = memory_store.get(conn, scope, memory_id, lock=True)
    if memory is None:
        raise NotFoundError("There is no such memory.")
    judgement = judge(memory, said.signal, store.wrongs(conn, scope, memory_id), now)
    feedback = store.add(conn, scope, said.id, memory_id, (said.signal.value, said.note, said.query))
    effect = judgement.effect
    if said.signal in USES:
        wanted_back = lifecycle.note_uses(conn, scope, {memory_id: USED}, now)
        if wanted_back and lifecycle.come_back(conn, scope, wanted_back, now):
            effect = FeedbackEffect.RESTORED
    elif _changes(memory, judgement, said.signal) or (
        said.signal is FeedbackSignal.PRIVATE and _put_away(conn, scope, memory)
    ):
        store.apply(conn, scope, memory_id, judgement, said.signal, actor=actor)
        work.enqueue(conn, scope, memories.INDEX)
        work.enqueue_tidy(conn, scope)
    if said.signal is FeedbackSignal.WRONG:
        lifecycle_store.weaken(conn, scope, memory_id, 1.0 if memory.frozen else LAPSE)
    return Given(memories.get(conn, scope, memory_id), feedback, effect, memory.version)


def _put_away(conn: Connection, scope: UserScope, memory: Memory) -> bool:
    """Whether a sweep archived it: then it takes a version that says private, or use would bring it back."""
    return any(found.put_away for found in lifecycle_store.touched(conn, scope, [memory.id]))


def _changes(memory: Memory, judgement: Judgement, signal: FeedbackSignal) -> bool:
    flags = signal is FeedbackSignal.WRONG and not memory.flagged
    return flags or (judgement.status, judgement.confidence, judgement.valid_to) != (
        memory.status,
        memory.confidence,
        memory.valid_to,
    )
