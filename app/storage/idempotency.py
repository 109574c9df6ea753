"""Stored answers of writes, by (project, API key, Idempotency-Key). Row, effect and answer commit together."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from psycopg.types.json import Jsonb

from app.domain.scope import ProjectScope, UserScope
from app.storage.db import Connection

ERASED = 0  # the status of an answer that went with an erasure; its key is kept as a hash, so that it still counts

REDACT = """
UPDATE idempotency_keys k SET key = 'erased:' || encode(sha256(convert_to(key, 'UTF8')), 'hex'), request_hash = '',
    status = 0, headers = '{}', body = '', final = true, user_id = NULL
WHERE project_id = %(project)s AND status <> 0
"""
# Ids in an answer; a sealed one (of a new API key) has none.
NAMED = r"""
SELECT m[1]::uuid FROM regexp_matches(encode(k.body, 'escape'),
    '([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})', 'g') m
"""

# Answers that name a user, as our JSON does: by a field of its own, or in a list of users.
NAMES_USER = """(position(convert_to('"user_id":"' || %(user)s || '"', 'UTF8') IN {body}) > 0
    OR position(convert_to('"to_user_id":"' || %(user)s || '"', 'UTF8') IN {body}) > 0
    OR position(convert_to('"into":"' || %(user)s || '"', 'UTF8') IN {body}) > 0
    OR ((position('"user_ids":['::bytea IN {body}) > 0 OR position('"with_user_ids":['::bytea IN {body}) > 0)
        AND position(convert_to('"' || %(user)s || '"', 'UTF8') IN {body}) > 0))"""


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """What was answered to a request, to the byte. One that is not `final` may still be replaced once."""

    request_hash: bytes
    status: int
    headers: dict[str, str]
    body: bytes
    final: bool = True


def lock(conn: Connection, scope: ProjectScope, api_key_id: str, key: str) -> bool:
    """Hold the key until the transaction ends; False when another request holds it now."""
    row = conn.execute(
        "SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 7)) AS held",
        (f"idempotency {scope.project_id} {api_key_id} {key}",),
    ).fetchone()
    return bool(row and row["held"])


def find(conn: Connection, scope: ProjectScope, api_key_id: str, key: str) -> StoredAnswer | None:
    """The stored answer, if there is one."""
    row = conn.execute(
        "SELECT request_hash, status, headers, body, final FROM idempotency_keys"
        " WHERE project_id = %s AND api_key_id = %s AND key IN (%s, %s)",
        (scope.project_id, api_key_id, key, f"erased:{sha256(key.encode()).hexdigest()}"),
    ).fetchone()
    if row is None:
        return None
    return StoredAnswer(bytes(row["request_hash"]), row["status"], row["headers"], bytes(row["body"]), row["final"])


def store(  # noqa: PLR0913 - whose answer to what
    conn: Connection,
    scope: ProjectScope,
    api_key_id: str,
    key: str,
    answer: StoredAnswer,
    *,
    user_id: str | None = None,
) -> None:
    """Keep an answer, with whose it is where it is about one user."""
    conn.execute(
        "INSERT INTO idempotency_keys (project_id, api_key_id, key, request_hash, status, headers, body, final,"
        " user_id) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            scope.project_id,
            api_key_id,
            key,
            answer.request_hash,
            answer.status,
            Jsonb(answer.headers),
            answer.body,
            answer.final,
            user_id,
        ),
    )


def replace(conn: Connection, scope: ProjectScope, api_key_id: str, key: str, answer: StoredAnswer) -> bool:
    """Put the final answer of a request that waited in the place of its first one; False when one is there already."""
    replaced = conn.execute(
        "UPDATE idempotency_keys SET status = %s, headers = %s, body = %s, final = true"
        " WHERE project_id = %s AND api_key_id = %s AND key = %s AND request_hash = %s AND NOT final",
        (
            answer.status,
            Jsonb(answer.headers),
            answer.body,
            scope.project_id,
            api_key_id,
            key,
            answer.request_hash,
        ),
    ).rowcount
    return replaced > 0


def purge(conn: Connection, scope: ProjectScope, older_than: datetime) -> int:
    """Drop answers that are too old to be asked for again; returns how many."""
    return conn.execute(
        "DELETE FROM idempotency_keys WHERE project_id = %s AND created_at < %s", (scope.project_id, older_than)
    ).rowcount


def redact_of_user(conn: Connection, scope: UserScope, at: datetime) -> int:
    """Empty every answer until `at` that is the user's, names them, or names one of their events and memories (which
    must still be there); returns how many.
    """
    return conn.execute(
        f"{REDACT} AND created_at <= %(at)s AND (user_id = %(user)s OR {NAMES_USER.format(body='body')}"
        f" OR (user_id IS NULL AND EXISTS"
        f" ({NAMED} WHERE m[1]::uuid IN (SELECT id FROM events WHERE project_id = %(project)s AND user_id = %(user)s"
        " UNION ALL SELECT id FROM memories WHERE project_id = %(project)s AND user_id = %(user)s))))",
        {"project": scope.project_id, "user": scope.user_id, "at": at},
    ).rowcount


def redact_naming(conn: Connection, scope: UserScope, ids: Sequence[UUID]) -> int:
    """Empty every answer that names one of these ids; returns how many."""
    return conn.execute(
        f"{REDACT} AND (user_id IS NULL OR user_id = %(user)s) AND EXISTS"
        f" ({NAMED} WHERE m[1]::uuid IN (SELECT unnest(%(ids)s::uuid[])))",
        {"project": scope.project_id, "user": scope.user_id, "ids": list(ids)},
    ).rowcount
