"""The policy of a project: one row, or none while the default holds."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from app.domain.scope import Scope
from app.storage.db import Connection


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """A stored policy: the preset that it came from, its body, and how often it was changed."""

    preset: str
    body: dict[str, Any]
    version: int
    updated_at: datetime


def get(conn: Connection, scope: Scope) -> PolicyRow | None:
    """The project's policy; None means the default."""
    row = conn.execute(
        "SELECT preset, body, version, updated_at FROM policies WHERE project_id = %s", (scope.project_id,)
    ).fetchone()
    return PolicyRow(**row) if row else None


def put(conn: Connection, scope: Scope, preset: str, body: dict[str, Any]) -> PolicyRow:
    """Write the policy whole."""
    row = conn.execute(
        "INSERT INTO policies AS p (project_id, preset, body) VALUES (%s, %s, %s)"
        " ON CONFLICT (project_id) DO UPDATE SET preset = excluded.preset, body = excluded.body,"
        " version = p.version + 1, updated_at = now() RETURNING preset, body, version, updated_at",
        (scope.project_id, preset, Jsonb(body)),
    ).fetchone()
    assert row is not None  # noqa: S101 - RETURNING of an upsert
    return PolicyRow(**row)
