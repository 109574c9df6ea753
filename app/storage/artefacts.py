"""Artefacts of a user: opaque content in pieces, with fingerprint, provenance and versions by name."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Any
from uuid import UUID

from psycopg.types.json import Jsonb

from app.domain.cubes import PART_BYTES
from app.domain.scope import Scope, UserScope
from app.storage.db import Connection

COLUMNS = "id, user_id, name, kind, version, fingerprint, size, provenance, created_by, created_at"


@dataclass(frozen=True, slots=True)
class Artefact:
    """One version of an artefact, without its content."""

    id: UUID
    user_id: str
    name: str
    kind: str
    version: int
    fingerprint: str
    size: int
    provenance: dict[str, Any]
    created_by: str
    created_at: datetime


def newest(conn: Connection, scope: UserScope, name: str) -> Artefact | None:
    """The newest version of this name, and nobody else adds one until the end of the transaction."""
    conn.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))",
        (f"artefacts:{scope.project_id}:{scope.user_id}",),
    )
    row = conn.execute(
        f"SELECT {COLUMNS} FROM artefacts WHERE project_id = %s AND user_id = %s AND name = %s"
        " ORDER BY version DESC LIMIT 1",
        (scope.project_id, scope.user_id, name),
    ).fetchone()
    return Artefact(**row) if row else None


def insert(conn: Connection, scope: UserScope, artefact: Artefact, content: IO[bytes]) -> None:
    """Store a version with its content."""
    conn.execute(
        "INSERT INTO artefacts (id, project_id, user_id, name, kind, version, fingerprint, size, provenance,"
        " created_by, created_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            artefact.id,
            scope.project_id,
            scope.user_id,
            artefact.name,
            artefact.kind,
            artefact.version,
            artefact.fingerprint,
            artefact.size,
            Jsonb(artefact.provenance),
            artefact.created_by,
            artefact.created_at,
        ),
    )
    content.seek(0)
    seq = 0
    while piece := content.read(PART_BYTES):
        conn.execute(
            "INSERT INTO artefact_parts (artefact_id, seq, project_id, user_id, data) VALUES (%s, %s, %s, %s, %b)",
            (artefact.id, seq, scope.project_id, scope.user_id, piece),
        )
        seq += 1


def get(conn: Connection, scope: Scope, artefact_id: UUID) -> Artefact | None:
    """One version."""
    user = scope.user_id if isinstance(scope, UserScope) else None
    row = conn.execute(
        f"SELECT {COLUMNS} FROM artefacts WHERE id = %s AND project_id = %s AND (%s::text IS NULL OR user_id = %s)",
        (artefact_id, scope.project_id, user, user),
    ).fetchone()
    return Artefact(**row) if row else None


def content(conn: Connection, scope: UserScope, artefact_id: UUID) -> Iterator[bytes]:
    """The content, piece by piece."""
    seq = 0
    while True:
        row = conn.execute(
            "SELECT data FROM artefact_parts WHERE artefact_id = %s AND seq = %s AND project_id = %s AND user_id = %s",
            (artefact_id, seq, scope.project_id, scope.user_id),
            binary=True,
        ).fetchone()
        if row is None:
            return
        yield row["data"]
        seq += 1


def page(  # noqa: PLR0913 - filters
    conn: Connection,
    scope: UserScope,
    *,
    name: str | None = None,
    kind: str | None = None,
    after: tuple[datetime, UUID] | None = None,
    limit: int = 50,
) -> list[Artefact]:
    """Versions, the oldest first."""
    rows = conn.execute(
        f"SELECT {COLUMNS} FROM artefacts WHERE project_id = %(project)s AND user_id = %(user)s"
        " AND (%(name)s::text IS NULL OR name = %(name)s) AND (%(kind)s::text IS NULL OR kind = %(kind)s)"
        " AND (%(at)s::timestamptz IS NULL OR (created_at, id) > (%(at)s, %(id)s::uuid))"
        " ORDER BY created_at, id LIMIT %(limit)s",
        {
            "project": scope.project_id,
            "user": scope.user_id,
            "name": name,
            "kind": kind,
            "at": after[0] if after else None,
            "id": after[1] if after else None,
            "limit": limit,
        },
    ).fetchall()
    return [Artefact(**row) for row in rows]


def delete(conn: Connection, scope: UserScope, artefact_id: UUID) -> None:
    """Take a version out, with its content."""
    conn.execute(
        "DELETE FROM artefacts WHERE id = %s AND project_id = %s AND user_id = %s",
        (artefact_id, scope.project_id, scope.user_id),
    )
