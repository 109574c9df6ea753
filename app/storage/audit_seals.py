"""The seals of the audit: one chain a project, only ever added to (the role may not change or delete them)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.domain.chain import Link
from app.domain.scope import Scope
from app.storage.db import Connection, Row

COLUMNS = "seq, ref, version, at, head, body, prev, hash"


@dataclass(frozen=True, slots=True)
class Seal:
    """A link of the chain with the entry that it is of."""

    link: Link
    ref: UUID
    version: int
    at: datetime


def lock(conn: Connection, scope: Scope) -> None:
    """Seal alone, until the end of the transaction. Writers of the audit do not wait for this."""
    conn.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"audit:{scope.project_id}",))


def last(conn: Connection, scope: Scope) -> Seal | None:
    """The newest seal of the project."""
    row = conn.execute(
        f"SELECT {COLUMNS} FROM audit_seals WHERE project_id = %s ORDER BY seq DESC LIMIT 1", (scope.project_id,)
    ).fetchone()
    return _seal(row) if row else None


def page(conn: Connection, scope: Scope, after: int, limit: int) -> list[Seal]:
    """Seals after number `after`, in order."""
    rows = conn.execute(
        f"SELECT {COLUMNS} FROM audit_seals WHERE project_id = %s AND seq > %s ORDER BY seq LIMIT %s",
        (scope.project_id, after, limit),
    ).fetchall()
    return [_seal(row) for row in rows]


def add(conn: Connection, scope: Scope, seals: Sequence[Seal]) -> None:
    """Append these."""
    conn.execute(
        f"INSERT INTO audit_seals (project_id, {COLUMNS}) SELECT %s, * FROM unnest(%s::bigint[], %s::uuid[], %s::int[],"
        " %s::timestamptz[], %s::bytea[], %s::bytea[], %s::bytea[], %s::bytea[])",
        (
            scope.project_id,
            [seal.link.seq for seal in seals],
            [seal.ref for seal in seals],
            [seal.version for seal in seals],
            [seal.at for seal in seals],
            [seal.link.head for seal in seals],
            [seal.link.body for seal in seals],
            [seal.link.prev for seal in seals],
            [seal.link.hash for seal in seals],
        ),
    )


def _seal(row: Row) -> Seal:
    link = Link(row["seq"], bytes(row["head"]), bytes(row["body"]), bytes(row["prev"]), bytes(row["hash"]))
    return Seal(link, row["ref"], row["version"], row["at"])
