"""Rows and vectors straight into PostgreSQL, with the index work still to be done. Used by the responsiveness run."""

import hashlib
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np
import psycopg
import uuid6

from app.domain.sparse import SparseVector

VOCABULARY = 30_000  # distinct terms of a busy history
TERMS = 12  # a short turn after stop words
EVENTS = """
COPY events (id, project_id, user_id, session_id, client_id, role, content, occurred_at, utc_offset, metadata,
             content_hash, extracted_at, consolidated_at, version) FROM STDIN
"""
VECTORS = """
COPY vectors (target_id, model, kind, project_id, user_id, dimension, dense, sparse, sparse_window) FROM STDIN
"""
WORK = "INSERT INTO work (project_id, kind, user_id) VALUES (%s, 'index', %s) ON CONFLICT DO NOTHING"
SESSION = """
INSERT INTO sessions (project_id, user_id, session_id, events, first_at, last_at) VALUES (%s, %s, 's', %s, %s, %s)
"""


def sparse(rng: np.random.Generator, terms: int) -> bytes:
    """Document weights over Zipf-like terms, as text has them."""
    picked = np.unique(np.minimum(rng.zipf(1.3, terms), VOCABULARY)).astype(np.uint32)
    return SparseVector(picked, rng.uniform(0.5, 2.0, len(picked)).astype(np.float32)).to_bytes()


@dataclass(frozen=True)
class Target:
    """Whose project, and the encoder whose vectors are imitated."""

    project: UUID
    model: str
    dimension: int


def find_target(connection: psycopg.Connection) -> Target:
    """The first project and the live collection's encoder."""
    row = connection.execute(
        "SELECT k.project_id, c.model, c.dimension FROM api_keys k, index_collections c WHERE c.state = 'live' LIMIT 1"
    ).fetchone()
    connection.rollback()
    if row is None:
        raise RuntimeError("the instance has no key or no live collection")
    return Target(*row)


def seed_user(connection: psycopg.Connection, target: Target, user: str, count: int) -> None:
    """`count` events of one user that are understood and not yet indexed."""
    rng = np.random.default_rng(zlib.crc32(user.encode()))
    project, model, dimension = target.project, target.model, target.dimension
    dense = rng.standard_normal((count, dimension), dtype=np.float32)
    dense /= np.linalg.norm(dense, axis=1, keepdims=True)
    start = datetime(2025, 1, 1, tzinfo=UTC)
    now = datetime.now(UTC)
    ids = [UUID(int=uuid6.uuid7().int) for _ in range(count)]
    with connection.cursor() as cursor:
        with cursor.copy(EVENTS) as copy:
            for number, id_ in enumerate(ids):
                content = f"Turn {number} of {user} about matter {rng.integers(VOCABULARY)}."
                digest = hashlib.sha256(content.encode()).digest()
                at = start + timedelta(minutes=number)
                copy.write_row((id_, project, user, "s", str(id_), "user", content, at, 0, "{}", digest, now, now, 1))
        with cursor.copy(VECTORS) as copy:
            for id_, row in zip(ids, dense, strict=True):
                vector = row.astype("<f2").tobytes()
                lexical, window = sparse(rng, TERMS), sparse(rng, 3 * TERMS)
                copy.write_row((id_, model, "event", project, user, dimension, vector, lexical, window))
        cursor.execute(SESSION, (project, user, count, start, start + timedelta(minutes=count)))
        cursor.execute(WORK, (project, user))
    connection.commit()
