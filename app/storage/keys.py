"""API keys: found by id past row security (the one door for it), made and revoked inside their project."""

from datetime import datetime
from uuid import UUID

from app.domain.access import StoredKey
from app.domain.scope import ProjectScope
from app.storage.db import Connection, Row

COLUMNS = (
    "id, project_id, name, secret_hash, scopes, user_id, session_id, expires_at, revoked_at, last_used_at, created_at"
)
USED_EVERY_SECONDS = 60  # `last_used_at` is a sample, not a write for each request


def find(conn: Connection, key_id: str) -> StoredKey | None:
    """The key of this id, of whatever project. Needs no scope."""
    row = conn.execute(f"SELECT {COLUMNS} FROM mneme_find_key(%s)", (key_id,)).fetchone()
    return _key(row) if row else None


def get(conn: Connection, scope: ProjectScope, key_id: str) -> StoredKey | None:
    """A key of this project."""
    row = conn.execute(
        f"SELECT {COLUMNS} FROM api_keys WHERE project_id = %s AND id = %s", (scope.project_id, key_id)
    ).fetchone()
    return _key(row) if row else None


def insert(conn: Connection, scope: ProjectScope, key: StoredKey) -> None:
    """Store a new key."""
    conn.execute(
        "INSERT INTO api_keys (id, project_id, name, secret_hash, scopes, user_id, session_id, expires_at, created_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            key.id,
            scope.project_id,
            key.name,
            key.secret_hash,
            sorted(key.scopes),
            key.user_id,
            key.session_id,
            key.expires_at,
            key.created_at,
        ),
    )


def page(
    conn: Connection, scope: ProjectScope, *, after: tuple[datetime, str] | None = None, limit: int = 50
) -> list[StoredKey]:
    """Keys of the project, the oldest first, revoked ones too."""
    rows = conn.execute(
        f"SELECT {COLUMNS} FROM api_keys WHERE project_id = %(project)s"
        " AND (%(at)s::timestamptz IS NULL OR (created_at, id) > (%(at)s, %(id)s))"
        " ORDER BY created_at, id LIMIT %(limit)s",
        {
            "project": scope.project_id,
            "at": after[0] if after else None,
            "id": after[1] if after else None,
            "limit": limit,
        },
    ).fetchall()
    return [_key(row) for row in rows]


def replace_secret(conn: Connection, scope: ProjectScope, key_id: str, secret_hash: bytes) -> StoredKey | None:
    """Give a live key another secret; the old one stops working."""
    row = conn.execute(
        f"UPDATE api_keys SET secret_hash = %s WHERE project_id = %s AND id = %s AND revoked_at IS NULL"
        f" RETURNING {COLUMNS}",
        (secret_hash, scope.project_id, key_id),
    ).fetchone()
    return _key(row) if row else None


def revoke(conn: Connection, scope: ProjectScope, key_id: str, at: datetime) -> StoredKey | None:
    """End a key; doing so twice keeps the first time."""
    row = conn.execute(
        "UPDATE api_keys SET revoked_at = coalesce(revoked_at, %s) WHERE project_id = %s AND id = %s"
        f" RETURNING {COLUMNS}",
        (at, scope.project_id, key_id),
    ).fetchone()
    return _key(row) if row else None


def mark_used(conn: Connection, scope: ProjectScope, key_id: str) -> None:
    """Note that the key is in use, at most once a minute."""
    conn.execute(
        "UPDATE api_keys SET last_used_at = now() WHERE project_id = %s AND id = %s"
        " AND (last_used_at IS NULL OR last_used_at < now() - make_interval(secs => %s))",
        (scope.project_id, key_id, USED_EVERY_SECONDS),
    )


def _key(row: Row) -> StoredKey:
    project_id: UUID = row["project_id"]
    return StoredKey(
        id=row["id"],
        project_id=project_id,
        name=row["name"],
        secret_hash=bytes(row["secret_hash"]),
        scopes=frozenset(row["scopes"]),
        user_id=row["user_id"],
        session_id=row["session_id"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
        last_used_at=row["last_used_at"],
        created_at=row["created_at"],
    )
