"""Shares: who may read which active memories of whom. The filter is applied here, in SQL, over the owner's rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from app.domain.scope import ProjectScope, Scope, UserScope
from app.storage.db import Connection, widened

COLUMNS = "id, user_id, filters, with_user_ids, with_agent_ids, expires_at, revoked_at, created_at"


@dataclass(frozen=True, slots=True)
class CubeShare:
    """One share. `filters` has what is set of types, from, to, entities (normalised), ids of session, agent, scene."""

    id: UUID
    user_id: str
    filters: dict[str, Any]
    with_user_ids: list[str]
    with_agent_ids: list[str]
    expires_at: datetime | None
    revoked_at: datetime | None
    created_at: datetime


def insert(conn: Connection, scope: UserScope, share: CubeShare, *, created_by: str) -> None:
    """Store a share of this user's memories."""
    conn.execute(
        "INSERT INTO cube_shares (id, project_id, user_id, filters, with_user_ids, with_agent_ids, expires_at,"
        " created_by, created_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            share.id,
            scope.project_id,
            scope.user_id,
            Jsonb(share.filters),
            share.with_user_ids,
            share.with_agent_ids,
            share.expires_at,
            created_by,
            share.created_at,
        ),
    )


def get(conn: Connection, scope: Scope, share_id: UUID) -> CubeShare | None:
    """One share: of the user, or under a project's scope of any user of it."""
    user = scope.user_id if isinstance(scope, UserScope) else None
    row = conn.execute(
        f"SELECT {COLUMNS} FROM cube_shares WHERE id = %s AND project_id = %s AND (%s::text IS NULL OR user_id = %s)",
        (share_id, scope.project_id, user, user),
    ).fetchone()
    return CubeShare(**row) if row else None


def page(
    conn: Connection, scope: Scope, *, after: tuple[datetime, UUID] | None = None, limit: int = 50
) -> list[CubeShare]:
    """Shares of the scope's users, the oldest first."""
    user = scope.user_id if isinstance(scope, UserScope) else None
    rows = conn.execute(
        f"SELECT {COLUMNS} FROM cube_shares WHERE project_id = %(project)s"
        " AND (%(user)s::text IS NULL OR user_id = %(user)s)"
        " AND (%(at)s::timestamptz IS NULL OR (created_at, id) > (%(at)s, %(id)s::uuid))"
        " ORDER BY created_at, id LIMIT %(limit)s",
        {
            "project": scope.project_id,
            "user": user,
            "at": after[0] if after else None,
            "id": after[1] if after else None,
            "limit": limit,
        },
    ).fetchall()
    return [CubeShare(**row) for row in rows]


def revoke(conn: Connection, scope: UserScope, share_id: UUID, at: datetime) -> None:
    """End a share; the first end counts."""
    conn.execute(
        "UPDATE cube_shares SET revoked_at = coalesce(revoked_at, %s) WHERE id = %s AND project_id = %s"
        " AND user_id = %s",
        (at, share_id, scope.project_id, scope.user_id),
    )


def readable(  # noqa: PLR0913 - which, for whom, when
    conn: Connection, project: ProjectScope, share_id: UUID, *, user_id: str | None, agent_id: str | None, now: datetime
) -> CubeShare | None:
    """The share, if this reader is on its list and it holds now; None in every other case."""
    row = conn.execute(
        f"SELECT {COLUMNS} FROM cube_shares WHERE id = %(id)s AND project_id = %(project)s AND revoked_at IS NULL"
        " AND (expires_at IS NULL OR expires_at > %(now)s)"
        " AND (%(user)s::text = ANY (with_user_ids) OR %(agent)s::text = ANY (with_agent_ids))",
        {"id": share_id, "project": project.project_id, "user": user_id, "agent": agent_id, "now": now},
    ).fetchone()
    return CubeShare(**row) if row else None


@dataclass(frozen=True, slots=True)
class SharedRow:
    """A shared memory, without anything of where it was said."""

    id: UUID
    type: str
    text: str
    event_time: str | None
    valid_from: str | None
    valid_to: str | None
    occurred_at: datetime
    created_at: datetime


# What may be seen: the current belief, never a secret, and what the share's filter says.
SHARED = """
m.project_id = %(project)s AND m.user_id = %(owner)s AND m.status = 'active' AND m.type <> 'secret'
AND (m.expires_at IS NULL OR m.expires_at > %(now)s)
AND (%(types)s::text[] IS NULL OR m.type = ANY (%(types)s))
AND (%(from)s::timestamptz IS NULL OR m.occurred_at >= %(from)s)
AND (%(to)s::timestamptz IS NULL OR m.occurred_at < %(to)s)
AND (%(session)s::text IS NULL OR m.session_id = %(session)s)
AND (%(agent)s::text IS NULL OR m.agent_id = %(agent)s)
AND (%(scene)s::uuid IS NULL OR m.id IN (SELECT sm.memory_id FROM scene_members sm JOIN scenes sc ON sc.id = sm.scene_id
     WHERE sc.id = %(scene)s OR sc.parent_id = %(scene)s))
AND (%(entities)s::text[] IS NULL OR EXISTS (SELECT 1 FROM memory_entities mn JOIN entities n ON n.id = mn.entity_id
     WHERE mn.memory_id = m.id AND (n.normalised = ANY (%(entities)s) OR n.aliases && %(entities)s)))
"""


def memories(  # noqa: PLR0913 - whose, through what, one page
    conn: Connection,
    owner: UserScope,
    share: CubeShare,
    now: datetime,
    *,
    after: tuple[datetime, UUID] | None = None,
    limit: int = 50,
) -> list[SharedRow]:
    """The memories that the share shows, the oldest record first."""
    rows = conn.execute(
        "SELECT m.id, m.type, m.text, m.event_time, m.valid_from, m.valid_to, m.occurred_at, m.created_at"
        f" FROM memories m WHERE {SHARED}"
        " AND (%(at)s::timestamptz IS NULL OR (m.created_at, m.id) > (%(at)s, %(id)s::uuid))"
        " ORDER BY m.created_at, m.id LIMIT %(limit)s",
        _values(owner, share, now)
        | {"at": after[0] if after else None, "id": after[1] if after else None, "limit": limit},
    ).fetchall()
    return [SharedRow(**row) for row in rows]


def among(conn: Connection, owner: UserScope, share: CubeShare, now: datetime, ids: Sequence[UUID]) -> frozenset[UUID]:
    """Those of these memories that the share shows."""
    rows = conn.execute(
        f"SELECT m.id FROM memories m WHERE {SHARED} AND m.id = ANY (%(ids)s)",
        _values(owner, share, now) | {"ids": list(ids)},
    ).fetchall()
    return frozenset(row["id"] for row in rows)


def _values(owner: UserScope, share: CubeShare, now: datetime) -> dict[str, Any]:
    filters = share.filters
    return {
        "project": owner.project_id,
        "owner": owner.user_id,
        "now": now,
        "types": filters.get("types"),
        "from": filters.get("from"),
        "to": filters.get("to"),
        "session": filters.get("session_id"),
        "agent": filters.get("agent_id"),
        "scene": filters.get("scene_id"),
        "entities": filters.get("entities"),
    }


def forget_reader(conn: Connection, scope: UserScope) -> int:
    """Take a user who is erased out of what others share with them; a share that nobody can read any more ends. Returns
    of how many.
    """
    with widened(conn):
        return conn.execute(
            "UPDATE cube_shares SET with_user_ids = array_remove(with_user_ids, %(reader)s), revoked_at = CASE"
            " WHEN with_user_ids = ARRAY[%(reader)s] AND with_agent_ids = '{}' THEN coalesce(revoked_at, now())"
            " ELSE revoked_at END WHERE project_id = %(project)s AND with_user_ids @> ARRAY[%(reader)s]",
            {"project": scope.project_id, "reader": scope.user_id},
        ).rowcount
