"""Memories around an erasure: those that lose a source and keep the words of the others, and those that only an erased
one had ended, which hold again. Part of `erasing_sources`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.domain.erasure import Rest
from app.domain.lexical import TEXT_LENGTH, document_vector
from app.domain.normalise import normalise, text_hash
from app.domain.scope import UserScope
from app.storage import memory_edits, vectors
from app.storage.db import Connection
from app.storage.erasure_tables import OWN_WORDS
from app.storage.vectors import StoredVector, from_half

OF_USER = "project_id = %(project)s AND user_id = %(user)s"

# `narrower`: what says less of the same. It was not contradicted, its words went on in its successor.
ENDED = """
SELECT m.id, m.status, m.text_hash, m.superseded_by AS successor, EXISTS (
    SELECT 1 FROM links l WHERE l.from_id = m.superseded_by AND l.to_id = m.id AND l.type = 'derived_from') AS narrower
FROM memories m WHERE m.project_id = %(project)s AND m.user_id = %(user)s AND m.superseded_by = ANY (%(ids)s)
  AND m.status IN ('superseded', 'invalidated', 'merged') ORDER BY m.live_from DESC, m.id
"""
# As it was said: an end that something else set is open again. A memory that says the same may hold meanwhile.
REVIVE = """
UPDATE memories m SET status = 'active', superseded_by = NULL, live_until = NULL,
    valid_to = (SELECT v.valid_to FROM memory_versions v WHERE v.memory_id = m.id ORDER BY v.version LIMIT 1),
    valid_to_precision = (SELECT v.valid_to_precision FROM memory_versions v WHERE v.memory_id = m.id
                          ORDER BY v.version LIMIT 1),
    version = version + 1, updated_at = clock_timestamp()
WHERE m.id = %(id)s AND m.project_id = %(project)s AND m.user_id = %(user)s AND NOT EXISTS (
    SELECT 1 FROM memories o WHERE o.project_id = m.project_id AND o.user_id = m.user_id AND o.status = 'active'
    AND o.text_hash = m.text_hash)
"""
HAND_ON = """
UPDATE memories m SET superseded_by = s.id, live_until = greatest(m.live_from, s.live_from), version = m.version + 1,
    updated_at = clock_timestamp()
FROM memories s WHERE s.id = %(successor)s AND m.id = %(id)s AND m.project_id = %(project)s AND m.user_id = %(user)s
"""
STATEMENT = "type, text, subject, attribute, value, event_time, event_time_precision, valid_from, valid_from_precision"
REWORD = f"""
UPDATE memories m SET ({STATEMENT}) = (SELECT {STATEMENT} FROM memory_versions v
    WHERE v.memory_id = m.id AND v.version = %(from)s), text_hash = %(hash)s, keywords = '{{}}', tags = '{{}}',
    context = '', version = version + 1, updated_at = clock_timestamp()
WHERE m.id = %(id)s AND m.project_id = %(project)s AND m.user_id = %(user)s
"""
SAID_ALREADY = f"""
SELECT 1 FROM memories m, memories o WHERE m.id = %(id)s AND m.status = 'active' AND o.id <> m.id
    AND o.project_id = m.project_id AND o.user_id = m.user_id AND o.status = 'active' AND o.text_hash = %(hash)s
    AND m.{OF_USER.replace(" AND ", " AND m.")}
"""
BLANK = """
UPDATE memory_versions SET text = '', subject = NULL, attribute = NULL, value = NULL, event_time = NULL,
    event_time_precision = NULL, valid_from = NULL, valid_from_precision = NULL, valid_to = NULL,
    valid_to_precision = NULL, reason = NULL, metadata = '{}', candidate_id = NULL, salt = NULL
WHERE memory_id = %(id)s AND project_id = %(project)s AND user_id = %(user)s AND version = ANY (%(versions)s)
"""


@dataclass(frozen=True, slots=True)
class Ended:
    """A memory whose time another one, its successor, has ended."""

    id: UUID
    status: str
    text_hash: bytes
    successor: UUID
    narrower: bool


def ended_by(conn: Connection, scope: UserScope, memory_ids: Sequence[UUID]) -> list[Ended]:
    """What these memories have ended."""
    rows = conn.execute(ENDED, _of(scope) | {"ids": list(memory_ids)}).fetchall()
    return [Ended(**row | {"text_hash": bytes(row["text_hash"])}) for row in rows]


def chain(conn: Connection, scope: UserScope, memory_ids: Sequence[UUID]) -> dict[UUID, UUID | None]:
    """What has ended each of these in turn."""
    rows = conn.execute(
        f"SELECT id, superseded_by FROM memories WHERE {OF_USER} AND id = ANY (%(ids)s)",
        _of(scope) | {"ids": list(memory_ids)},
    ).fetchall()
    return {row["id"]: row["superseded_by"] for row in rows}


def texts(conn: Connection, scope: UserScope, memory_ids: Sequence[UUID]) -> tuple[list[str], list[str]]:
    """Every wording that these memories had: what an app wrote itself, and what was put so by us."""
    rows = conn.execute(
        f"SELECT v.text, bool_or({OWN_WORDS}) AS own FROM memory_versions v WHERE v.project_id = %(project)s"
        " AND v.user_id = %(user)s AND v.memory_id = ANY (%(ids)s) AND v.text <> '' GROUP BY v.text ORDER BY v.text",
        _of(scope) | {"ids": list(memory_ids)},
    ).fetchall()
    return [row["text"] for row in rows if row["own"]], [row["text"] for row in rows if not row["own"]]


def bring_back(  # noqa: PLR0913 - what comes back, and after what
    conn: Connection,
    scope: UserScope,
    ended: Sequence[Ended],
    after: Mapping[UUID, UUID | None],
    *,
    named: Collection[UUID],
    actor: str,
) -> None:
    """Let what only erased memories had ended hold again, as if these had never been; what something else would have
    ended stays history, of that. Who has a memory erased by name is not shown what said less of the same.
    """
    for memory in ended:
        if memory.successor in named and (memory.narrower or memory.status == "merged"):
            continue
        successor: UUID | None = memory.successor
        while successor is not None and successor in after:
            successor = after[successor]
        values = _of(scope) | {"id": memory.id, "successor": successor, "reason": "source_erased", "actor": actor}
        statement, change = (REVIVE, "revive") if successor is None else (HAND_ON, "supersede")
        if conn.execute(statement, values).rowcount:
            memory_edits.close_version(conn, scope, memory.id)
            conn.execute(memory_edits.RECORD, values | {"change": change})


def reword(  # noqa: PLR0913 - which words, from where
    conn: Connection, scope: UserScope, memory_id: UUID, rest: Rest, told: Mapping[bytes, UUID], *, actor: str
) -> None:
    """Give a memory the words of the version that remains, and its vector; take the others' words away."""
    values = _of(scope) | {"id": memory_id, "change": "erase", "reason": "source_erased", "actor": actor}
    if rest.version is not None:
        row = conn.execute(
            f"SELECT text FROM memory_versions WHERE memory_id = %(id)s AND version = %(from)s AND {OF_USER}",
            values | {"from": rest.version},
        ).fetchone()
        text = row["text"] if row else ""
        if conn.execute(SAID_ALREADY, values | {"hash": text_hash(text)}).fetchone() is not None:
            memory_edits.erase(conn, scope, [memory_id], actor=actor)  # another one says that
            return
        conn.execute(REWORD, values | {"from": rest.version, "hash": text_hash(text)})
        memory_edits.close_version(conn, scope, memory_id)
        conn.execute(memory_edits.RECORD, values)
        _embed(conn, scope, memory_id, text, told.get(text_hash(text)))
        _unname(conn, scope, memory_id, text)
    conn.execute(BLANK, values | {"versions": list(rest.blank)})


def _embed(conn: Connection, scope: UserScope, memory_id: UUID, text: str, candidate_id: UUID | None) -> None:
    """The vector that the candidate of these words has; without one the memory is found by its words."""
    conn.execute(f"DELETE FROM vectors WHERE target_id = %(id)s AND {OF_USER}", _of(scope) | {"id": memory_id})
    row = conn.execute(
        f"SELECT model, dense FROM candidates WHERE id = %(id)s AND {OF_USER} AND dense IS NOT NULL",
        _of(scope) | {"id": candidate_id},
    ).fetchone()
    if row is not None:
        sparse = document_vector(text, TEXT_LENGTH)
        vectors.upsert(conn, scope, row["model"], [StoredVector(memory_id, "memory", from_half(row["dense"]), sparse)])


def _unname(conn: Connection, scope: UserScope, memory_id: UUID, text: str) -> None:
    """Part the memory from entities that its words no longer name; those that nothing names go."""
    said = f" {normalise(text)} "
    rows = conn.execute(
        "SELECT n.id, n.normalised, n.aliases FROM memory_entities me JOIN entities n ON n.id = me.entity_id"
        " WHERE me.memory_id = %(id)s AND me.project_id = %(project)s AND me.user_id = %(user)s",
        _of(scope) | {"id": memory_id},
    ).fetchall()
    silent = [r["id"] for r in rows if not any(f" {name} " in said for name in (r["normalised"], *r["aliases"]))]
    conn.execute(
        f"DELETE FROM memory_entities WHERE memory_id = %(id)s AND entity_id = ANY (%(names)s) AND {OF_USER}",
        _of(scope) | {"id": memory_id, "names": silent},
    )
    conn.execute(
        f"DELETE FROM entities WHERE {OF_USER} AND id = ANY (%(names)s) AND id NOT IN"
        f" (SELECT entity_id FROM memory_entities WHERE {OF_USER})",
        _of(scope) | {"names": silent},
    )


def cut_sources(conn: Connection, scope: UserScope, event_ids: Sequence[UUID]) -> int:
    """Part memories from these events; returns how many pairs."""
    return conn.execute(
        f"DELETE FROM memory_sources WHERE {OF_USER} AND event_id = ANY (%(events)s)",
        _of(scope) | {"events": list(event_ids)},
    ).rowcount


def drop_scenes(conn: Connection, scope: UserScope) -> None:
    """Labels and summaries of scenes quote their members: the next tidying makes them of what remains."""
    conn.execute(f"DELETE FROM scenes WHERE {OF_USER}", _of(scope))


def of_session_only(conn: Connection, scope: UserScope, session_id: str, since: datetime | None = None) -> list[UUID]:
    """Memories that an app wrote into a session directly, and that rest on no other."""
    rows = conn.execute(
        "SELECT m.id FROM memories m WHERE m.project_id = %(project)s AND m.user_id = %(user)s"
        " AND m.status <> 'erased' AND m.session_id = %(session)s AND NOT EXISTS ("
        " SELECT 1 FROM memory_sources s JOIN events e ON e.id = s.event_id WHERE s.memory_id = m.id"
        " AND e.session_id <> %(session)s) ORDER BY m.id",
        _of(scope) | {"session": session_id, "since": since},
    ).fetchall()
    return [row["id"] for row in rows]


def _of(scope: UserScope) -> dict[str, object]:
    return {"project": scope.project_id, "user": scope.user_id}
