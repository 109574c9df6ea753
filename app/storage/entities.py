"""Entities of a user with their aliases, and which memory names which. Written with the memories."""

from collections.abc import Sequence
from uuid import UUID, uuid4

import numpy as np
import numpy.typing as npt

from app.domain.entities import Entity, Naming, names_in, resolve
from app.domain.memory_writes import NewMemory
from app.domain.normalise import normalise
from app.domain.scope import UserScope
from app.storage.db import Connection
from app.storage.vectors import from_half

ALIKE = 0.3  # cosine from which two spellings are spoken of as one ("Kathrine moved", "Katherine's new flat"; choice)
MOST_KNOWN = 1_000  # entities that a run looks at

INSERT = """
INSERT INTO entities (id, project_id, user_id, name, normalised, kind, aliases)
VALUES (%(id)s, %(project)s, %(user)s, %(name)s, %(normalised)s, %(kind)s, %(aliases)s)
ON CONFLICT (project_id, user_id, normalised, kind) DO UPDATE SET aliases = excluded.aliases
"""
UPDATE = """
UPDATE entities SET name = %(name)s, normalised = %(normalised)s, kind = %(kind)s, aliases = %(aliases)s
WHERE id = %(id)s AND project_id = %(project)s AND user_id = %(user)s
"""
JOIN = """
INSERT INTO memory_entities (memory_id, entity_id, project_id, user_id)
SELECT x.memory_id, x.entity_id, %(project)s, %(user)s
FROM unnest(%(memories)s::uuid[], %(entities)s::uuid[]) AS x (memory_id, entity_id) ON CONFLICT DO NOTHING
"""


def join(conn: Connection, scope: UserScope, new: Sequence[NewMemory]) -> None:
    """Join the memories with the entities that they name, making those that are new. Under the user's lock."""
    namings = [(m, naming) for m in new for naming in names_in(m.candidate.text, m.candidate.entities)]
    if not namings:
        return
    whose = {"project": scope.project_id, "user": scope.user_id}
    known = _known(conn, scope, [naming for _, naming in namings])

    def alike(place: int, entity: Entity, joined: Sequence[int]) -> bool:
        memory, _ = namings[place]
        if any(entity.is_called(naming.normalised) for other, naming in namings if other is memory):
            return False  # one statement names both
        spoken = [namings[at][0].dense for at in joined] + _spoken(conn, scope, entity.id, memory.model)
        return bool(spoken) and float(np.mean(spoken, axis=0) @ memory.dense) >= ALIKE

    outcome = resolve([naming for _, naming in namings], known, uuid4, alike)
    with conn.cursor() as cursor:
        stored = {entity.id for entity in known}
        for statement, rows in (
            (UPDATE, [e for e in outcome.changed if e.id in stored]),
            (INSERT, [e for e in outcome.changed if e.id not in stored]),
        ):
            cursor.executemany(
                statement,
                [
                    whose
                    | {
                        "id": entity.id,
                        "name": entity.name,
                        "normalised": entity.normalised,
                        "kind": entity.kind,
                        "aliases": sorted(entity.aliases),
                    }
                    for entity in rows
                ],
            )
    conn.execute(JOIN, whose | {"memories": [memory.id for memory, _ in namings], "entities": list(outcome.entity_ids)})


def _known(conn: Connection, scope: UserScope, namings: Sequence[Naming]) -> list[Entity]:
    """The entities that one of these names may mean: those that share their first or last word, or the first letter."""
    words = sorted({word for naming in namings for word in naming.words})
    rows = conn.execute(
        "SELECT id, name, normalised, kind, aliases FROM entities WHERE project_id = %s AND user_id = %s"
        " AND (string_to_array(normalised, ' ') && %s OR left(normalised, 1) = ANY (%s)) ORDER BY created_at, id"
        f" LIMIT {MOST_KNOWN}",
        (scope.project_id, scope.user_id, words, sorted({naming.normalised[0] for naming in namings})),
    ).fetchall()
    return [Entity(UUID(str(r["id"])), r["name"], r["normalised"], r["kind"], frozenset(r["aliases"])) for r in rows]


def _spoken(conn: Connection, scope: UserScope, entity_id: UUID, model: str) -> list[npt.NDArray[np.float32]]:
    """The vectors of memories that name an entity."""
    rows = conn.execute(
        "SELECT v.dense FROM memory_entities me JOIN vectors v ON v.target_id = me.memory_id AND v.model = %s"
        " WHERE me.entity_id = %s AND me.project_id = %s AND me.user_id = %s ORDER BY me.memory_id DESC LIMIT 20",
        (model, entity_id, scope.project_id, scope.user_id),
    ).fetchall()
    return [from_half(row["dense"]) for row in rows]


def forget(conn: Connection, scope: UserScope, memory_ids: Sequence[UUID]) -> None:
    """Take out the names that only these memories told, before they are erased; entities that nothing else names go."""
    whose = (scope.project_id, scope.user_id)
    rows = conn.execute(
        "SELECT n.id, n.name, n.normalised, n.aliases, array_agg(m.text) FILTER (WHERE NOT m.id = ANY (%s)) AS texts"
        " FROM entities n JOIN memory_entities me ON me.entity_id = n.id JOIN memories m ON m.id = me.memory_id"
        " WHERE n.project_id = %s AND n.user_id = %s AND n.id IN"
        " (SELECT entity_id FROM memory_entities WHERE memory_id = ANY (%s) AND project_id = %s AND user_id = %s)"
        " GROUP BY n.id",
        (list(memory_ids), *whose, list(memory_ids), *whose),
    ).fetchall()
    for row in rows:
        said = [f" {normalise(text)} " for text in row["texts"] or ()]
        told = [name for name in (row["normalised"], *row["aliases"]) if any(f" {name} " in text for text in said)]
        if not said or set(told) == {row["normalised"], *row["aliases"]} or not told:
            continue  # it goes with its last memory, or loses no name
        name = row["name"] if row["normalised"] in told else told[0].title()
        conn.execute(
            "UPDATE entities SET name = %s, normalised = %s, aliases = %s WHERE id = %s AND project_id = %s"
            " AND user_id = %s",
            (name, told[0], told[1:], row["id"], *whose),
        )
