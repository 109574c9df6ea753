"""Who did what, when, to what: rows that are only ever added (the role may not change them)."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from app.domain.scope import Scope
from app.storage.db import Connection


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One act. `detail` holds ids and counts, never text of users."""

    id: UUID
    actor: str
    action: str
    target_kind: str
    target_id: str
    user_id: str | None = None
    request_id: str | None = None
    reason: str | None = None
    job_id: UUID | None = None
    detail: dict[str, Any] = field(default_factory=dict)


def add(conn: Connection, scope: Scope, entry: AuditEntry) -> None:
    """Record the act in the transaction that does it."""
    conn.execute(
        "INSERT INTO audit (id, project_id, user_id, actor, action, target_kind, target_id, detail, request_id,"
        " reason, job_id)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            entry.id,
            scope.project_id,
            entry.user_id,
            entry.actor,
            entry.action,
            entry.target_kind,
            entry.target_id,
            Jsonb(entry.detail),
            entry.request_id,
            entry.reason,
            entry.job_id,
        ),
    )
