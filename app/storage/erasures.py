"""Receipts of erasures: one row each, and the key that signs them."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from psycopg.types.json import Jsonb

from app.domain.erasure import Erasure, Order
from app.domain.scope import ProjectScope, Scope, UserScope
from app.storage.db import Connection, Row

COLUMNS = (
    "id, user_id, target_kind, target_id, derived_only, reason, state, counts, notes, created_by, erased_at, swept_at,"
    " finished_at, verified_at, findings"
)
SIGNING = "receipts"


def insert(conn: Connection, scope: UserScope, order: Order, at: datetime, counts: Mapping[str, int]) -> Erasure:
    """Store the receipt of an erasure whose first step is done."""
    row = conn.execute(
        "INSERT INTO erasures (id, project_id, user_id, target_kind, target_id, derived_only, reason, counts,"
        f" created_by, erased_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING {COLUMNS}",
        (
            order.id,
            scope.project_id,
            scope.user_id,
            order.kind.value,
            order.target_id,
            order.derived_only,
            order.reason,
            Jsonb(dict(counts)),
            order.actor,
            at,
        ),
    ).fetchone()
    assert row is not None  # noqa: S101 - RETURNING of an insert
    return Erasure(**row)


def get(conn: Connection, scope: Scope, erasure_id: UUID, *, lock: bool = False) -> Erasure | None:
    """One receipt."""
    row = conn.execute(
        f"SELECT {COLUMNS} FROM erasures WHERE project_id = %s AND id = %s{' FOR UPDATE' if lock else ''}",
        (scope.project_id, erasure_id),
    ).fetchone()
    return Erasure(**row) if row else None


def page(
    conn: Connection, scope: Scope, *, user_id: str | None, after: tuple[datetime, UUID] | None, limit: int
) -> list[Erasure]:
    """Receipts, the newest first."""
    rows = conn.execute(
        f"SELECT {COLUMNS} FROM erasures WHERE project_id = %(project)s"
        " AND (%(user)s::text IS NULL OR user_id = %(user)s)"
        " AND (%(at)s::timestamptz IS NULL OR (erased_at, id) < (%(at)s, %(id)s::uuid))"
        " ORDER BY erased_at DESC, id DESC LIMIT %(limit)s",
        {
            "project": scope.project_id,
            "user": user_id,
            "at": after[0] if after else None,
            "id": after[1] if after else None,
            "limit": limit,
        },
    ).fetchall()
    return [Erasure(**row) for row in rows]


def ids(conn: Connection, scope: ProjectScope) -> set[UUID]:
    """All erasures of the project."""
    rows = conn.execute("SELECT id FROM erasures WHERE project_id = %s", (scope.project_id,)).fetchall()
    return {row["id"] for row in rows}


def some(conn: Connection, scope: ProjectScope, wanted: Collection[UUID]) -> list[Erasure]:
    """These receipts, the oldest first."""
    rows = conn.execute(
        f"SELECT {COLUMNS} FROM erasures WHERE project_id = %s AND id = ANY (%s) ORDER BY erased_at, id",
        (scope.project_id, list(wanted)),
    ).fetchall()
    return [Erasure(**row) for row in rows]


def rewriting(conn: Connection, scope: ProjectScope) -> list[Erasure]:
    """Erasures whose tables are clean and whose index is not yet, the oldest first."""
    rows = conn.execute(
        f"SELECT {COLUMNS} FROM erasures WHERE project_id = %s AND state = 'rewriting' ORDER BY swept_at, id",
        (scope.project_id,),
    ).fetchall()
    return [Erasure(**row) for row in rows]


def swept(
    conn: Connection, scope: Scope, erasure_id: UUID, counts: Mapping[str, int], notes: Mapping[str, str]
) -> None:
    """Every table is clean."""
    conn.execute(
        "UPDATE erasures SET state = 'rewriting', swept_at = clock_timestamp(), counts = %s, notes = notes || %s"
        " WHERE project_id = %s AND id = %s AND state = 'erasing'",
        (Jsonb(dict(counts)), Jsonb(dict(notes)), scope.project_id, erasure_id),
    )


def finish(conn: Connection, scope: Scope, erasure_id: UUID, notes: Mapping[str, str]) -> None:
    """Every store is clean: the receipt is final."""
    conn.execute(
        "UPDATE erasures SET state = 'done', finished_at = clock_timestamp(), notes = notes || %s"
        " WHERE project_id = %s AND id = %s AND state = 'rewriting'",
        (Jsonb(dict(notes)), scope.project_id, erasure_id),
    )


def set_prints(  # noqa: PLR0913, PLR0917 - a row's fields
    conn: Connection, scope: Scope, erasure_id: UUID, prints: Sequence[int], key: bytes, until: datetime
) -> None:
    """Keep fingerprints of what was erased, until then."""
    conn.execute(
        "UPDATE erasures SET prints = %s, prints_key = %s, prints_until = %s WHERE project_id = %s AND id = %s",
        (list(prints), key, until, scope.project_id, erasure_id),
    )


def prints(conn: Connection, scope: Scope, erasure_id: UUID) -> tuple[frozenset[int], bytes] | None:
    """The fingerprints and their key; None where there are none (any more)."""
    row: Row | None = conn.execute(
        "SELECT prints, prints_key FROM erasures WHERE project_id = %s AND id = %s AND prints_key IS NOT NULL",
        (scope.project_id, erasure_id),
    ).fetchone()
    return (frozenset(row["prints"]), bytes(row["prints_key"])) if row else None


def drop_prints(conn: Connection, scope: Scope, now: datetime) -> int:
    """Forget fingerprints whose time is over; returns of how many erasures."""
    return conn.execute(
        "UPDATE erasures SET prints = '{}', prints_key = NULL WHERE project_id = %s AND prints_until < %s"
        " AND prints_key IS NOT NULL",
        (scope.project_id, now),
    ).rowcount


def verified(conn: Connection, scope: Scope, erasure_id: UUID, findings: Mapping[str, int]) -> None:
    """Note what a verification found."""
    conn.execute(
        "UPDATE erasures SET verified_at = clock_timestamp(), findings = %s WHERE project_id = %s AND id = %s",
        (Jsonb(dict(findings)), scope.project_id, erasure_id),
    )


def signing_key(conn: Connection, fresh: bytes) -> bytes:
    """The installation's key for receipts; `fresh` becomes it where there is none yet."""
    conn.execute(
        "INSERT INTO installation_keys (name, secret) VALUES (%s, %s) ON CONFLICT DO NOTHING", (SIGNING, fresh)
    )
    row = conn.execute("SELECT secret FROM installation_keys WHERE name = %s", (SIGNING,)).fetchone()
    assert row is not None  # noqa: S101 - it was inserted before
    return bytes(row["secret"])
