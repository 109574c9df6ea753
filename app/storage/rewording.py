"""Memories that lose some of their sources and stay: they get the words, the vector and the names that the others told,
and lose the words that only the erased ones did. Part of `erasing_sources`.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from uuid import UUID

from app.domain.erasure import Rest
from app.domain.lexical import TEXT_LENGTH, document_vector
from app.domain.normalise import normalise, text_hash
from app.domain.scope import UserScope
from app.storage import memory_edits, vectors
from app.storage.db import Connection
from app.storage.vectors import StoredVector, from_half

OF_USER = "project_id = %(project)s AND user_id = %(user)s"
AT_ONCE = 500  # turns that are looked up together: few enough for the index over the turns of statements
STATEMENT = (
    "type", "text", "subject", "attribute", "value", "event_time", "event_time_precision", "valid_from",
    "valid_from_precision",
)  # fmt: skip

WORDINGS = f"""
SELECT v.memory_id, v.text FROM memory_versions v JOIN unnest(%(ids)s::uuid[], %(versions)s::int[]) AS x (id, version)
    ON x.id = v.memory_id AND x.version = v.version WHERE v.{OF_USER.replace(" AND ", " AND v.")} ORDER BY v.memory_id
"""
# Two memories that swap their texts must not meet on the way.
SET_ASIDE = f"UPDATE memories SET text_hash = sha256(id::text::bytea) WHERE {OF_USER} AND id = ANY (%(ids)s)"
SAID_ALREADY = f"""
SELECT m.id FROM unnest(%(ids)s::uuid[], %(hashes)s::bytea[]) AS x (id, hash)
JOIN memories m ON m.id = x.id AND m.status = 'active' JOIN memories o ON o.project_id = m.project_id
    AND o.user_id = m.user_id AND o.status = 'active' AND o.text_hash = x.hash AND o.id <> m.id
WHERE m.{OF_USER.replace(" AND ", " AND m.")}
"""
ACTIVE = f"SELECT id FROM memories WHERE {OF_USER} AND id = ANY (%(ids)s) AND status = 'active'"
REWORD = f"""
UPDATE memories m SET {", ".join(f"{name} = v.{name}" for name in STATEMENT)}, text_hash = x.hash,
    version = m.version + 1, updated_at = clock_timestamp()
FROM unnest(%(ids)s::uuid[], %(versions)s::int[], %(hashes)s::bytea[]) AS x (id, version, hash)
JOIN memory_versions v ON v.memory_id = x.id AND v.version = x.version
WHERE m.id = x.id AND m.project_id = %(project)s AND m.user_id = %(user)s
"""
# What was noted of a memory may name what a source said that it has lost: the next evolution notes it anew.
FORGET_NOTES = f"""
UPDATE memories SET keywords = '{{}}', tags = '{{}}', context = '' WHERE {OF_USER} AND id = ANY (%(ids)s)
    AND (keywords <> '{{}}' OR tags <> '{{}}' OR context <> '')
"""
BLANK = """
UPDATE memory_versions v SET text = '', subject = NULL, attribute = NULL, value = NULL, event_time = NULL,
    event_time_precision = NULL, valid_from = NULL, valid_from_precision = NULL, valid_to = NULL,
    valid_to_precision = NULL, reason = NULL, metadata = '{}', candidate_id = NULL, salt = NULL
FROM unnest(%(ids)s::uuid[], %(versions)s::int[]) AS x (id, version)
WHERE v.memory_id = x.id AND v.version = x.version AND v.project_id = %(project)s AND v.user_id = %(user)s
"""
NAMED = """
SELECT me.memory_id, n.id, n.normalised, n.aliases, m.text FROM memory_entities me
JOIN entities n ON n.id = me.entity_id JOIN memories m ON m.id = me.memory_id
WHERE me.memory_id = ANY (%(ids)s) AND me.project_id = %(project)s AND me.user_id = %(user)s
"""
SOURCES = f"SELECT memory_id, event_id FROM memory_sources WHERE {OF_USER} AND memory_id = ANY (%(ids)s)"
TOLD_NAMES = f"""
SELECT event_ids, body -> 'event_ids' AS told_by, body -> 'entities' AS names FROM candidates
WHERE {OF_USER} AND event_ids && %(others)s::uuid[]
"""
PART = f"""
DELETE FROM memory_entities me USING unnest(%(ids)s::uuid[], %(names)s::uuid[]) AS x (id, name)
WHERE me.memory_id = x.id AND me.entity_id = x.name AND me.{OF_USER.replace(" AND ", " AND me.")}
"""
NAMELESS = f"""
DELETE FROM entities WHERE {OF_USER} AND id = ANY (%(names)s) AND id NOT IN
    (SELECT entity_id FROM memory_entities WHERE {OF_USER})
"""


def reword(  # noqa: PLR0913 - which words, from where, without whose
    conn: Connection,
    scope: UserScope,
    rests: Mapping[UUID, Rest],
    told: Mapping[bytes, UUID],
    events: Sequence[UUID],
    *,
    actor: str,
) -> list[UUID]:
    """Leave these memories with what remains of them; `told` are the statements that tell it, by text. Returns those
    that went after all, because another memory says already what was left to them.
    """
    versions = {memory_id: rest.version for memory_id, rest in rests.items() if rest.version is not None}
    over = _give_words(conn, scope, versions, told, actor=actor) if versions else []
    kept = [memory_id for memory_id in rests if memory_id not in set(over)]
    values = _of(scope) | {"ids": kept}
    conn.execute(FORGET_NOTES, values)
    blank = [(memory_id, version) for memory_id, rest in rests.items() for version in rest.blank]
    conn.execute(BLANK, values | {"ids": [memory for memory, _ in blank], "versions": [n for _, n in blank]})
    _unname(conn, scope, kept, events)
    return over


def _give_words(
    conn: Connection, scope: UserScope, versions: Mapping[UUID, int], told: Mapping[bytes, UUID], *, actor: str
) -> list[UUID]:
    """The words and the vector of an earlier version each; returns those that say nothing of their own with them."""
    values = _of(scope) | {"ids": list(versions), "versions": list(versions.values())}
    texts = {row["memory_id"]: row["text"] for row in conn.execute(WORDINGS, values).fetchall()}
    hashes = {memory_id: text_hash(text) for memory_id, text in texts.items()}
    conn.execute(SET_ASIDE, values)
    asked = values | {"ids": list(hashes), "hashes": list(hashes.values())}
    over = {row["id"] for row in conn.execute(SAID_ALREADY, asked).fetchall()}
    first: dict[bytes, UUID] = {}
    for row in conn.execute(ACTIVE + " ORDER BY occurred_at, id", values).fetchall():
        if row["id"] not in over and first.setdefault(hashes[row["id"]], row["id"]) != row["id"]:
            over.add(row["id"])
    memory_edits.erase(conn, scope, sorted(over), actor=actor)
    stay = [memory_id for memory_id in hashes if memory_id not in over]
    values |= {"ids": stay, "versions": [versions[i] for i in stay], "hashes": [hashes[i] for i in stay]}
    conn.execute(REWORD, values)
    memory_edits.record(conn, scope, stay, ("erase", "source_erased"), actor=actor)
    _embed(conn, scope, {memory_id: texts[memory_id] for memory_id in stay}, told)
    return sorted(over)


def _embed(conn: Connection, scope: UserScope, texts: Mapping[UUID, str], told: Mapping[bytes, UUID]) -> None:
    """The vectors that the statements of these words have; without one a memory is found by its words."""
    conn.execute(f"DELETE FROM vectors WHERE target_id = ANY (%(ids)s) AND {OF_USER}", _of(scope) | {"ids": [*texts]})
    by = {memory_id: told[text_hash(text)] for memory_id, text in texts.items() if text_hash(text) in told}
    rows = conn.execute(
        f"SELECT id, model, dense FROM candidates WHERE id = ANY (%(ids)s) AND {OF_USER} AND dense IS NOT NULL",
        _of(scope) | {"ids": list(by.values())},
    ).fetchall()
    known = {row["id"]: row for row in rows}
    made: dict[str, list[StoredVector]] = defaultdict(list)
    for memory_id, candidate in by.items():
        if (row := known.get(candidate)) is not None:
            sparse = document_vector(texts[memory_id], TEXT_LENGTH)
            made[row["model"]].append(StoredVector(memory_id, "memory", from_half(row["dense"]), sparse))
    for model, stored in sorted(made.items()):
        vectors.upsert(conn, scope, model, stored)


def _unname(conn: Connection, scope: UserScope, memory_ids: Sequence[UUID], events: Sequence[UUID]) -> None:
    """Part memories from entities that neither their words nor the turns that stay name; those that nothing names
    go.
    """
    values = _of(scope) | {"ids": list(memory_ids)}
    told = _names_told(conn, values, frozenset(events))
    silent = []
    for row in conn.execute(NAMED, values).fetchall():
        said, names = f" {normalise(row['text'])} ", {row["normalised"], *row["aliases"]}
        if not names & told[row["memory_id"]] and not any(f" {name} " in said for name in names):
            silent.append((row["memory_id"], row["id"]))
    if silent:
        values |= {"ids": [memory for memory, _ in silent], "names": [name for _, name in silent]}
        conn.execute(PART, values)
        conn.execute(NAMELESS, values)


def _names_told(conn: Connection, values: dict[str, object], gone: frozenset[UUID]) -> dict[UUID, set[str]]:
    """The names that the turns which stay told of each memory, also where its words have none ("she moved")."""
    of: dict[UUID, list[UUID]] = defaultdict(list)
    for row in conn.execute(SOURCES, values).fetchall():
        if row["event_id"] not in gone:
            of[row["event_id"]].append(row["memory_id"])
    names: dict[UUID, set[str]] = defaultdict(set)
    others = list(of)
    for start in range(0, len(others), AT_ONCE):
        for row in conn.execute(TOLD_NAMES, values | {"others": others[start : start + AT_ONCE]}).fetchall():
            if row["names"] and gone.isdisjoint(map(UUID, row["told_by"])):
                for memory_id in (memory for event in row["event_ids"] for memory in of.get(event, ())):
                    names[memory_id] |= {normalise(name) for name in row["names"]}
    return names


def _of(scope: UserScope) -> dict[str, object]:
    return {"project": scope.project_id, "user": scope.user_id}
