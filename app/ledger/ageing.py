"""What the policy keeps no longer, erased once a day with receipts: events and memories past their days. For upkeep."""

import secrets
from datetime import datetime, timedelta

from app.context import ProcessContext
from app.domain.erasure import Order, TargetKind
from app.domain.scope import ProjectScope, UserScope
from app.domain.work import WorkKind
from app.services import erasures as service
from app.services.policy import effective
from app.storage import erasure_choice, erasures, scopes
from app.storage.db import Connection

PAGE = 500
LIMIT = 1_000  # events and memories of one receipt: what one transaction erases in about a second
ACTOR = "policy"


def erase_aged(context: ProcessContext, project: ProjectScope) -> int:
    """Erase what is too old of every user of the project; returns how many receipts. Also drops fingerprints whose time
    is over.
    """
    now = context.clock()
    with context.db.transaction(project) as conn:
        policy = effective(conn, project).forgetting
        erasures.drop_prints(conn, project, now)
        users = _users(conn, project) if policy.event_days or policy.memory_days else []
    events, memories = _before(now, policy.event_days), _before(now, policy.memory_days)
    return sum(_of_user(context, user, events, memories) for user in users)


def _before(now: datetime, days: float) -> datetime | None:
    return now - timedelta(days=days) if days else None


def _of_user(context: ProcessContext, scope: UserScope, events: datetime | None, memories: datetime | None) -> int:
    made = 0
    while True:
        with context.db.transaction(scope) as conn:
            old = erasure_choice.older_than(conn, scope, events=events, memories=memories, limit=LIMIT)
            if not old.event_ids and not old.memory_ids:
                return made
            until = max(moment for moment in (events, memories) if moment is not None)
            order = Order(context.new_id(), TargetKind.AGE, until.isoformat(), ACTOR, "age")
            receipt = service.these(conn, scope, order, old, secrets.token_bytes(32))
            entry = service.entry(conn, receipt, scope.project_id) if receipt else None
        if entry is not None:
            made += 1
            context.erasure_log.append(entry)
        context.memo.forget(scope)
        context.hints.send(WorkKind.JOB)


def _users(conn: Connection, project: ProjectScope) -> list[UserScope]:
    found: list[UserScope] = []
    while page := scopes.users_of(conn, project, found[-1].user_id if found else "", PAGE):
        found += page
    return found
