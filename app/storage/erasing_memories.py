"""Memories around an erasure: what was said in those that go, and those that only they had ended, which hold again.
Part of `erasing_sources`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.domain.scope import UserScope
from app.domain.sleep import RECURRING
from app.storage import memory_edits
from app.storage.db import Connection
from app.storage.erasure_tables import OWN_WORDS

OF_USER = "project_id = %(project)s AND user_id = %(user)s"

# `narrower`: what says less of the same. It was not contradicted, its words went on in its successor.
ENDED = """
SELECT m.id, m.status, m.text_hash, m.superseded_by AS successor, EXISTS (
    SELECT 1 FROM links l WHERE l.from_id = m.superseded_by AND l.to_id = m.id AND l.type = 'derived_from') AS narrower
FROM memories m WHERE m.project_id = %(project)s AND m.user_id = %(user)s AND m.superseded_by = ANY (%(ids)s)
  AND m.status IN ('superseded', 'invalidated', 'merged') ORDER BY m.live_from DESC, m.id
"""
# As it was said: an end that something else set is open again. Of those that say the same the first holds again, and
# none where another memory says it meanwhile.
REVIVE = """
UPDATE memories m SET status = 'active', superseded_by = NULL, live_until = NULL,
    valid_to = (SELECT v.valid_to FROM memory_versions v WHERE v.memory_id = m.id ORDER BY v.version LIMIT 1),
    valid_to_precision = (SELECT v.valid_to_precision FROM memory_versions v WHERE v.memory_id = m.id
                          ORDER BY v.version LIMIT 1),
    version = version + 1, updated_at = clock_timestamp()
WHERE m.project_id = %(project)s AND m.user_id = %(user)s AND m.id IN (
    SELECT DISTINCT ON (c.text_hash) c.id FROM unnest(%(ids)s::uuid[]) WITH ORDINALITY AS u (id, place)
    JOIN memories c ON c.id = u.id AND c.project_id = %(project)s AND c.user_id = %(user)s
    WHERE NOT EXISTS (SELECT 1 FROM memories o WHERE o.project_id = c.project_id AND o.user_id = c.user_id
                      AND o.status = 'active' AND o.text_hash = c.text_hash)
    ORDER BY c.text_hash, u.place)
RETURNING m.id
"""
HAND_ON = """
UPDATE memories m SET superseded_by = s.id, live_until = greatest(m.live_from, s.live_from), version = m.version + 1,
    updated_at = clock_timestamp()
FROM unnest(%(ids)s::uuid[], %(successors)s::uuid[]) AS x (id, successor) JOIN memories s ON s.id = x.successor
WHERE m.id = x.id AND m.project_id = %(project)s AND m.user_id = %(user)s RETURNING m.id
"""
# What somebody said or wrote of these memories: their turns, and the words of an app.
SPOKEN = f"""
SELECT e.content AS text FROM events e WHERE e.project_id = %(project)s AND e.user_id = %(user)s AND e.id IN (
    SELECT s.event_id FROM memory_sources s WHERE s.memory_id = ANY (%(ids)s))
UNION ALL SELECT v.text FROM memory_versions v WHERE v.project_id = %(project)s AND v.user_id = %(user)s
    AND v.memory_id = ANY (%(ids)s) AND {OWN_WORDS}
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


@dataclass(frozen=True, slots=True)
class Told:
    """The words of memories: every wording of theirs; those of reflections, which are a form filled in; and what was
    said or written of them.
    """

    statements: tuple[str, ...]
    reflections: tuple[str, ...]
    spoken: tuple[str, ...]


def told(conn: Connection, scope: UserScope, memory_ids: Sequence[UUID]) -> Told:
    """What these memories say, while they say it."""
    values = _of(scope) | {"ids": list(memory_ids), "recurring": RECURRING}
    rows = conn.execute(
        "SELECT DISTINCT v.text, v.type = 'reflection' AND v.attribute IS NOT DISTINCT FROM %(recurring)s AS derived"
        " FROM memory_versions v WHERE v.project_id = %(project)s AND v.user_id = %(user)s"
        " AND v.memory_id = ANY (%(ids)s) AND v.text <> ''",
        values,
    ).fetchall()
    spoken = conn.execute(SPOKEN, values).fetchall()
    return Told(
        tuple(row["text"] for row in rows if not row["derived"]),
        tuple(row["text"] for row in rows if row["derived"]),
        tuple(row["text"] for row in spoken),
    )


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
    again: list[UUID] = []
    handed: dict[UUID, UUID] = {}
    for memory in ended:
        if memory.successor in named and (memory.narrower or memory.status == "merged"):
            continue
        successor: UUID | None = memory.successor
        while successor is not None and successor in after:
            successor = after[successor]
        if successor is None:
            again.append(memory.id)
        else:
            handed[memory.id] = successor
    values = _of(scope) | {"ids": again}
    revived = [row["id"] for row in conn.execute(REVIVE, values).fetchall()]
    memory_edits.record(conn, scope, revived, ("revive", "source_erased"), actor=actor)
    values = _of(scope) | {"ids": list(handed), "successors": list(handed.values())}
    passed = [row["id"] for row in conn.execute(HAND_ON, values).fetchall()]
    memory_edits.record(conn, scope, passed, ("supersede", "source_erased"), actor=actor)


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
