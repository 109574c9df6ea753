"""Notes of memories: read with their links in one view, written as new versions with their vectors."""

from collections.abc import Sequence
from uuid import UUID

from app.domain.memory import MemoryType
from app.domain.notes import Note, NotedMemory
from app.domain.scope import UserScope
from app.storage import changes, version_rows
from app.storage.db import Connection

ACTIVE = """
SELECT m.id, m.version, m.type, m.text, m.attribute, m.keywords, m.tags, m.context,
       ARRAY(SELECT n.name FROM memory_entities me JOIN entities n ON n.id = me.entity_id
           WHERE me.memory_id = m.id ORDER BY n.name) AS entities
FROM memories m WHERE m.project_id = %(project)s AND m.user_id = %(user)s AND m.status = 'active' AND NOT m.frozen
ORDER BY m.occurred_at DESC, m.id DESC LIMIT %(limit)s
"""
SIMILAR = """
SELECT from_id, to_id FROM links WHERE project_id = %(project)s AND user_id = %(user)s AND type = 'similar'
  AND from_id = ANY (%(ids)s) AND to_id = ANY (%(ids)s)
"""
# The statement stays as it is, also in the version that records the change.
UPDATE = """
UPDATE memories SET keywords = %(keywords)s, tags = %(tags)s, context = %(context)s, version = version + 1,
    updated_at = %(at)s
WHERE id = %(id)s AND project_id = %(project)s AND user_id = %(user)s AND version = %(version)s AND status = 'active'
RETURNING id
"""


def active(conn: Connection, scope: UserScope, *, limit: int) -> tuple[list[NotedMemory], list[tuple[UUID, UUID]]]:
    """The user's newest active memories that may change, and the links of likeness between them."""
    whose = {"project": scope.project_id, "user": scope.user_id}
    rows = conn.execute(ACTIVE, whose | {"limit": limit}).fetchall()
    memories = [
        NotedMemory(
            id=row["id"],
            version=row["version"],
            type=MemoryType(row["type"]),
            text=row["text"],
            attribute=row["attribute"],
            entities=tuple(row["entities"]),
            note=Note(tuple(row["keywords"]), tuple(row["tags"]), row["context"]),
        )
        for row in rows
    ]
    pairs = conn.execute(SIMILAR, whose | {"ids": [memory.id for memory in memories]}).fetchall()
    return memories, [(row["from_id"], row["to_id"]) for row in pairs]


def exist(conn: Connection, scope: UserScope) -> bool:
    """Whether any active memory of the user has a note."""
    row = conn.execute(
        "SELECT 1 FROM memories WHERE project_id = %s AND user_id = %s AND status = 'active' AND keywords <> '{}'"
        " LIMIT 1",
        (scope.project_id, scope.user_id),
    ).fetchone()
    return row is not None


def write(conn: Connection, scope: UserScope, noted: Sequence[tuple[NotedMemory, Note]]) -> frozenset[UUID]:
    """Give these memories their notes, as new versions; returns those that nobody had changed meanwhile."""
    at = changes.lock_user(conn, scope)
    whose = {"project": scope.project_id, "user": scope.user_id, "at": at}
    written = []
    for memory, note in noted:
        values = {"keywords": list(note.keywords), "tags": list(note.tags), "context": note.context}
        row = conn.execute(UPDATE, whose | values | {"id": memory.id, "version": memory.version}).fetchone()
        if row is not None:
            written.append((memory.id, "evolve", "noted" if memory.note == Note() else "linked"))
    version_rows.record(conn, scope, written, at)
    return frozenset(memory_id for memory_id, _, _ in written)
