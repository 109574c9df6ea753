"""Stored answers of writes, by (project, API key, Idempotency-Key). Row, effect and answer commit together."""

from dataclasses import dataclass
from datetime import datetime

from psycopg.types.json import Jsonb

from app.domain.scope import ProjectScope
from app.storage.db import Connection


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
        " WHERE project_id = %s AND api_key_id = %s AND key = %s",
        (scope.project_id, api_key_id, key),
    ).fetchone()
    if row is None:
        return None
    return StoredAnswer(bytes(row["request_hash"]), row["status"], row["headers"], bytes(row["body"]), row["final"])


def store(conn: Connection, scope: ProjectScope, api_key_id: str, key: str, answer: StoredAnswer) -> None:
    """Keep an answer."""
    conn.execute(
        "INSERT INTO idempotency_keys (project_id, api_key_id, key, request_hash, status, headers, body, final)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        (
            scope.project_id,
            api_key_id,
            key,
            answer.request_hash,
            answer.status,
            Jsonb(answer.headers),
            answer.body,
            answer.final,
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
