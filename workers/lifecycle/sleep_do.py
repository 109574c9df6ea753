"""Doing one part of a sleep plan: a short transaction under the user's lock, with the items and the audit entry of what
was done in it. Models and the encoder are asked before it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.context import ProcessContext
from app.domain.job import JobItem
from app.domain.scope import UserScope
from app.domain.sleep import Action, AddLink, DropLink, Merge, Reflect
from app.domain.work import WorkKind
from app.ledger.lease import Lease
from app.storage import audit, changes, job_items, sleep_writes, tombstones, work
from app.storage.audit import AuditEntry
from app.storage.db import Connection
from app.storage.sleep_writes import Act, Words
from workers.lifecycle.sleep_items import items_of
from workers.lifecycle.sleep_words import words_for


@dataclass(frozen=True, slots=True)
class Doing:
    """For whom and under which job."""

    context: ProcessContext
    user: UserScope
    job_id: UUID
    lease: Lease

    @property
    def actor(self) -> str:
        return f"job:{self.job_id}"


def perform(doing: Doing, actions: Sequence[Action], since: datetime) -> None:
    """Do a merge, a reflection, or some links, planned from what was read at `since`. Raises StaleDecisionError when
    a write came in between, ErasedMeanwhileError when an erasure did.
    """
    context, user = doing.context, doing.user
    words = _words(doing, actions[0]) if isinstance(actions[0], Reflect) else None
    with context.db.transaction(user) as conn:
        at = changes.lock_user(conn, user)
        tombstones.check(conn, user, since)
        done = list(actions)
        match actions[0]:
            case Merge() as merge:
                sleep_writes.merge(conn, user, merge, actor=doing.actor)
            case Reflect() as reflect:
                assert words is not None  # noqa: S101 - made above
                if not sleep_writes.reflect(conn, user, reflect, words, Act(doing.actor, at)):
                    done = []
            case _:
                new = [action for action in actions if isinstance(action, AddLink)]
                sleep_writes.link(conn, user, new, [action for action in actions if isinstance(action, DropLink)])
        items = [item for action in done for item in items_of(user, action)]
        job_items.add(conn, user, doing.job_id, items)
        note_act(conn, doing, items)
        work.enqueue(conn, user, WorkKind.INDEX)
        work.enqueue_tidy(conn, user)


def note_act(conn: Connection, doing: Doing, items: Sequence[JobItem]) -> None:
    """The audit entry of what one transaction did; none for nothing."""
    if not items:
        return
    counts: dict[str, int] = {}
    for item in items:
        counts[item.action] = counts.get(item.action, 0) + 1
    ids = {"memories": [item.target_id for item in items if item.target_kind == "memory"]}
    audit.add(
        conn,
        doing.user,
        AuditEntry(
            id=doing.context.new_id(),
            actor=doing.actor,
            action="sleep",
            target_kind="user",
            target_id=doing.user.user_id,
            user_id=doing.user.user_id,
            detail=counts | ids,
        ),
    )


def _words(doing: Doing, reflect: Reflect) -> Words:
    """The text, by a model if there is one, and its vector."""
    text = words_for(doing.context, reflect, doing.lease)
    (dense,) = doing.context.encoder.encode([text])
    return Words(text, dense, doing.context.encoder.fingerprint)
