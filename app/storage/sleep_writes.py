"""What sleep-time work writes: one memory in the place of others, links, reflections. Each holds the user's lock and
compares the versions that it was decided on; `StaleDecisionError` says that a write came in between.

Nothing is deleted but links: what is merged keeps its row, its sources and its versions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt

from app.domain.lexical import TEXT_LENGTH, document_vector
from app.domain.memory import MemoryStatus
from app.domain.normalise import text_hash
from app.domain.scope import UserScope
from app.domain.sleep import RECURRING, AddLink, DropLink, Merge, Reflect
from app.domain.sleep_reflect import CONFIDENCE, IMPORTANCE
from app.storage import memory_edits, memory_states, sleeping, vectors
from app.storage.changes import StaleDecisionError
from app.storage.db import Connection
from app.storage.memory_edits import RECORD
from app.storage.memory_states import Move
from app.storage.reflections import ENDED
from app.storage.vectors import StoredVector

TAKE_OVER = (
    """INSERT INTO memory_sources (memory_id, event_id, project_id, user_id)
    SELECT DISTINCT %(kept)s::uuid, event_id, project_id, user_id FROM memory_sources
    WHERE memory_id = ANY (%(gone)s) AND project_id = %(project)s AND user_id = %(user)s ON CONFLICT DO NOTHING""",
    """INSERT INTO memory_entities (memory_id, entity_id, project_id, user_id)
    SELECT DISTINCT %(kept)s::uuid, entity_id, project_id, user_id FROM memory_entities
    WHERE memory_id = ANY (%(gone)s) AND project_id = %(project)s AND user_id = %(user)s ON CONFLICT DO NOTHING""",
    """UPDATE memories m SET importance = greatest(m.importance, g.importance),
        confidence = greatest(m.confidence, g.confidence), stability = greatest(m.stability, g.stability),
        use_count = m.use_count + g.use_count, last_used_at = greatest(m.last_used_at, g.last_used_at),
        version = m.version + 1, updated_at = clock_timestamp()
    FROM (SELECT max(importance) AS importance, max(confidence) AS confidence, max(stability) AS stability,
          sum(use_count) AS use_count, max(last_used_at) AS last_used_at FROM memories
          WHERE id = ANY (%(gone)s) AND project_id = %(project)s AND user_id = %(user)s) g
    WHERE m.id = %(kept)s AND m.project_id = %(project)s AND m.user_id = %(user)s""",
)
# The links of one that goes, at the one that stays: its history is copied, the rest moves where it is new there.
MOVE_LINKS = (
    """INSERT INTO links (id, project_id, user_id, from_id, to_id, type, weight, reason, created_at)
    SELECT gen_random_uuid(), project_id, user_id, CASE WHEN from_id = %(one)s THEN %(kept)s::uuid ELSE from_id END,
        CASE WHEN to_id = %(one)s THEN %(kept)s::uuid ELSE to_id END, type, weight, reason, created_at
    FROM links WHERE project_id = %(project)s AND user_id = %(user)s AND (from_id = %(one)s OR to_id = %(one)s)
      AND from_id <> %(kept)s AND to_id <> %(kept)s AND type IN ('contradicts', 'derived_from')
    ON CONFLICT DO NOTHING""",
    """UPDATE links l SET from_id = %(kept)s WHERE l.from_id = %(one)s AND l.to_id <> %(kept)s
      AND l.project_id = %(project)s AND l.user_id = %(user)s AND l.type NOT IN ('contradicts', 'derived_from')
      AND NOT EXISTS (SELECT 1 FROM links o WHERE o.from_id = %(kept)s AND o.to_id = l.to_id AND o.type = l.type)""",
    """UPDATE links l SET to_id = %(kept)s WHERE l.to_id = %(one)s AND l.from_id <> %(kept)s
      AND l.project_id = %(project)s AND l.user_id = %(user)s AND l.type NOT IN ('contradicts', 'derived_from')
      AND NOT EXISTS (SELECT 1 FROM links o WHERE o.to_id = %(kept)s AND o.from_id = l.from_id AND o.type = l.type)""",
    """DELETE FROM links WHERE (from_id = %(one)s OR to_id = %(one)s) AND project_id = %(project)s
      AND user_id = %(user)s AND type NOT IN ('contradicts', 'derived_from')""",
)
ADD_REFLECTION = """
INSERT INTO memories (id, project_id, user_id, type, text, text_hash, subject, attribute, value, occurred_at,
    utc_offset, live_from, importance, confidence, created_at, updated_at)
VALUES (%(id)s, %(project)s, %(user)s, 'reflection', %(text)s, %(hash)s, %(subject)s, %(attribute)s, %(theme)s,
    %(last_at)s, %(offset)s, %(last_at)s, %(importance)s, %(confidence)s, %(at)s, %(at)s)
ON CONFLICT DO NOTHING
"""
CHANGE_REFLECTION = """
UPDATE memories SET text = %(text)s, text_hash = %(hash)s, keywords = '{}', tags = '{}', context = '',
    occurred_at = %(last_at)s, utc_offset = %(offset)s, version = version + 1, status = 'active', live_until = NULL,
    updated_at = %(at)s
WHERE id = %(id)s AND project_id = %(project)s AND user_id = %(user)s AND version = %(version)s
  AND status IN ('active', 'invalidated') AND NOT frozen
  AND NOT EXISTS (SELECT 1 FROM memories o WHERE o.project_id = %(project)s AND o.user_id = %(user)s
                  AND o.status = 'active' AND o.text_hash = %(hash)s AND o.id <> %(id)s)
"""


@dataclass(frozen=True, slots=True)
class Words:
    """The text of a reflection and its vector by `model`."""

    text: str
    dense: npt.NDArray[np.float32]
    model: str


@dataclass(frozen=True, slots=True)
class Act:
    """Who writes, and the recorded time under the user's lock."""

    actor: str
    at: datetime


def merge(conn: Connection, scope: UserScope, what: Merge, *, actor: str) -> None:
    """Put one memory in the place of others: it takes over what they rest on, name and are linked to. Raises
    StaleDecisionError.
    """
    _unchanged(conn, scope, {what.kept: what.version} | {gone.id: gone.version for gone in what.gone})
    ids = [gone.id for gone in what.gone]
    values = _whose(scope) | {"kept": what.kept, "gone": ids}
    for statement in TAKE_OVER:
        conn.execute(statement, values)
    for gone in what.gone:
        for statement in MOVE_LINKS:
            conn.execute(statement, values | {"one": gone.id})
        move = Move(MemoryStatus.MERGED, "merge", gone.reason, actor, successor=what.kept, until=gone.until)
        if memory_states.move(conn, scope, [gone.id], move) != [gone.id]:
            raise StaleDecisionError("a memory may not be merged any more")
    _record(conn, scope, what.kept, ("merge", f"took over {len(ids)}"), actor)


def link(conn: Connection, scope: UserScope, add: Sequence[AddLink], drop: Sequence[DropLink]) -> None:
    """Add and drop links. Raises StaleDecisionError when an end of one to be added has changed."""
    ends = {end: version for new in add for end, version in zip((new.from_id, new.to_id), new.versions, strict=True)}
    _unchanged(conn, scope, ends)
    conn.execute(
        "DELETE FROM links WHERE id = ANY (%s) AND project_id = %s AND user_id = %s",
        ([old.link_id for old in drop], scope.project_id, scope.user_id),
    )
    with conn.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO links (id, project_id, user_id, from_id, to_id, type, weight, reason)"
            " VALUES (gen_random_uuid(), %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            [
                (scope.project_id, scope.user_id, new.from_id, new.to_id, new.type, new.weight, new.reason)
                for new in add
            ],
        )
    conn.execute("SELECT note_change(%s, %s)", (scope.project_id, scope.user_id))  # recalls keep links, too


def reflect(conn: Connection, scope: UserScope, what: Reflect, words: Words, act: Act) -> bool:
    """Write a reflection or its new version, with its vector, sources and links; False where its text is remembered
    already. Raises StaleDecisionError when a memory that it rests on has changed.
    """
    _unchanged(conn, scope, dict(what.members))
    if what.version and sleeping.version(conn, scope, what.id) != what.version:
        raise StaleDecisionError("the reflection was changed by somebody else")
    values = _whose(scope) | {
        "id": what.id,
        "version": what.version,
        "text": words.text,
        "hash": text_hash(words.text),
        "subject": what.subject,
        "attribute": RECURRING,
        "theme": what.theme,
        "last_at": what.last_at,
        "offset": int(offset.total_seconds()) if (offset := what.last_at.utcoffset()) else 0,
        "importance": IMPORTANCE,
        "confidence": CONFIDENCE,
        "at": act.at,
    }
    written = conn.execute(CHANGE_REFLECTION if what.version else ADD_REFLECTION, values).rowcount
    if not written:
        return False
    _record(conn, scope, what.id, ("sleep", "recurs"), act.actor)
    row = StoredVector(what.id, "memory", words.dense, document_vector(words.text, TEXT_LENGTH))
    vectors.upsert(conn, scope, words.model, [row])
    members = [member for member, _ in what.members]
    conn.execute(
        "INSERT INTO memory_sources (memory_id, event_id, project_id, user_id)"
        " SELECT DISTINCT %(id)s::uuid, event_id, project_id, user_id FROM memory_sources"
        " WHERE memory_id = ANY (%(members)s) AND project_id = %(project)s AND user_id = %(user)s"
        " ON CONFLICT DO NOTHING",
        values | {"members": members},
    )
    conn.execute(
        "INSERT INTO links (id, project_id, user_id, from_id, to_id, type, reason)"
        " SELECT gen_random_uuid(), %(project)s, %(user)s, %(id)s, member, 'derived_from', 'recurs'"
        " FROM unnest(%(members)s::uuid[]) AS member ON CONFLICT (from_id, to_id, type)"
        " DO UPDATE SET reason = excluded.reason",
        values | {"members": members},
    )
    # What has ended stays named: a request to erase it takes the reflection along.
    conn.execute(
        "UPDATE links SET reason = %(ended)s WHERE from_id = %(id)s AND type = 'derived_from'"
        " AND project_id = %(project)s AND user_id = %(user)s AND to_id <> ALL (%(members)s)",
        values | {"members": members, "ended": ENDED},
    )
    return True


def _unchanged(conn: Connection, scope: UserScope, decided_on: dict[UUID, int]) -> None:
    if sleeping.versions(conn, scope, list(decided_on)) != decided_on:
        raise StaleDecisionError("a memory was changed by somebody else")


def _record(conn: Connection, scope: UserScope, memory_id: UUID, why: tuple[str, str], actor: str) -> None:
    """Close the version before, and record the row as it is now."""
    change, reason = why
    memory_edits.close_version(conn, scope, memory_id)
    conn.execute(RECORD, _whose(scope) | {"id": memory_id, "change": change, "reason": reason, "actor": actor})


def _whose(scope: UserScope) -> dict[str, Any]:
    return {"project": scope.project_id, "user": scope.user_id}
