"""Taking some sources of a user, or single memories, out of every table: what rests on them alone goes, what rests on
others too keeps the words that those told. Called by the erasure service under `erasing.begin`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from app.domain.erasure import Rest, Wording, rest_of
from app.domain.normalise import text_hash
from app.domain.scope import UserScope
from app.domain.served import statement_hashes, turn_hashes
from app.domain.work import WorkKind
from app.storage import (
    erasing,
    erasing_memories,
    erasing_turns,
    idempotency,
    memory_edits,
    work,
)
from app.storage.db import Connection
from app.storage.erasure_tables import OWN_WORDS

OF_USER = "project_id = %(project)s AND user_id = %(user)s"

# Memories that have a source among the erased ones; `shared`: also one that stays.
RESTING = """
SELECT m.id, bool_or(s.event_id <> ALL (%(events)s)) AS shared
FROM memories m JOIN memory_sources s ON s.memory_id = m.id
WHERE m.project_id = %(project)s AND m.user_id = %(user)s AND m.status <> 'erased'
  AND m.id IN (SELECT memory_id FROM memory_sources WHERE event_id = ANY (%(events)s))
GROUP BY m.id ORDER BY m.id
"""
WORDINGS = f"""
SELECT v.memory_id, v.version, v.text, {OWN_WORDS} AS own FROM memory_versions v
WHERE v.memory_id = ANY (%(ids)s) AND v.project_id = %(project)s AND v.user_id = %(user)s
ORDER BY v.memory_id, v.version
"""
# What the remaining events told, as far as one of these texts may be that.
TOLD = """
SELECT id, body ->> 'text' AS text FROM candidates WHERE project_id = %(project)s AND user_id = %(user)s
  AND body ->> 'text' = ANY (%(texts)s) AND NOT (body -> 'event_ids') ?| %(names)s
ORDER BY occurred_at
"""


@dataclass(frozen=True, slots=True)
class Sources:
    """What is to go: events, memories for their own sake, and with `derived_only` what was made of the events alone."""

    event_ids: tuple[UUID, ...] = ()
    memory_ids: tuple[UUID, ...] = ()
    derived_only: bool = False


@dataclass(frozen=True, slots=True)
class Erased:
    """What went: rows by table, the memories, and for fingerprints (neither is to be kept) what was said or written by
    an app, and what we stated of it.
    """

    counts: Counter[str]
    memory_ids: tuple[UUID, ...]
    said: tuple[str, ...]
    stated: tuple[str, ...]


def erase(conn: Connection, scope: UserScope, sources: Sources, *, actor: str) -> Erased:
    """Erase them; the caller enqueues index and tidy work."""
    events = list(sources.event_ids)
    resting = conn.execute(RESTING, _of(scope) | {"events": events}).fetchall()
    named = set(sources.memory_ids)
    gone = sorted({row["id"] for row in resting if not row["shared"]} | named)
    shared = [row["id"] for row in resting if row["shared"] and row["id"] not in named]
    ended = erasing_memories.ended_by(conn, scope, [*gone, *shared])
    erasing.lock_rows(conn, scope, sorted({*gone, *shared, *(row.id for row in ended)}), sorted(events))
    work.enqueue(conn, scope, WorkKind.CONSOLIDATE)  # first, as the kinds are ordered; for what is open besides
    erasing.fence(conn, scope)
    rests, told = _rests(conn, scope, shared, events)
    gone = sorted({*gone, *(memory_id for memory_id, rest in rests.items() if rest is None)})
    written, stated = erasing_memories.texts(conn, scope, gone)
    said = [*erasing_turns.texts(conn, scope, events), *written]
    counts: Counter[str] = Counter()
    counts["idempotency_keys"] = idempotency.redact_naming(conn, scope, [*events, *gone])
    counts["memories"] = len(gone)
    again = [row for row in ended if row.id not in gone and row.successor in gone]
    if gone:
        chain = erasing_memories.chain(conn, scope, gone)
        memory_edits.erase(conn, scope, gone, actor=actor)
        erasing_memories.bring_back(conn, scope, again, chain, named=named, actor=actor)
    for memory_id, rest in rests.items():
        if rest is not None:
            erasing_memories.reword(conn, scope, memory_id, rest, told, actor=actor)
    counts["memories_reworded"] = sum(rest is not None and rest.version is not None for rest in rests.values())
    counts["memory_sources"] = erasing_memories.cut_sources(conn, scope, events)
    counts["served"] = _forget_served(conn, scope, [*stated, *said])
    counts += erasing_turns.remove(conn, scope, events, derived_only=sources.derived_only)
    erasing_memories.drop_scenes(conn, scope)
    return Erased(+counts, tuple(gone), tuple(said), tuple(stated))


def _rests(
    conn: Connection, scope: UserScope, memory_ids: Sequence[UUID], events: Sequence[UUID]
) -> tuple[dict[UUID, Rest | None], dict[bytes, UUID]]:
    """What remains of each memory that rests on others too; and by text which candidate told it."""
    if not memory_ids:
        return {}, {}
    wordings: dict[UUID, list[Wording]] = defaultdict(list)
    for row in conn.execute(WORDINGS, _of(scope) | {"ids": list(memory_ids)}).fetchall():
        wordings[row["memory_id"]].append(Wording(row["version"], row["text"], row["own"]))
    texts = sorted({wording.text for versions in wordings.values() for wording in versions})
    rows = conn.execute(TOLD, _of(scope) | {"texts": texts, "names": [str(e) for e in events]}).fetchall()
    told = {text_hash(row["text"]): row["id"] for row in rows}
    return {memory_id: rest_of(wordings[memory_id], told) for memory_id in memory_ids}, told


def _forget_served(conn: Connection, scope: UserScope, words: Iterable[str]) -> int:
    texts = list(words)
    return conn.execute(
        f"DELETE FROM served WHERE {OF_USER} AND hash = ANY (%(hashes)s::bigint[])",
        _of(scope) | {"hashes": sorted(statement_hashes(texts) | turn_hashes(texts))},
    ).rowcount


def events_of_session(conn: Connection, scope: UserScope, session_id: str) -> list[UUID]:
    """Every event of a session."""
    rows = conn.execute(
        f"SELECT id FROM events WHERE {OF_USER} AND session_id = %(session)s ORDER BY id",
        _of(scope) | {"session": session_id},
    ).fetchall()
    return [row["id"] for row in rows]


def _of(scope: UserScope) -> dict[str, object]:
    return {"project": scope.project_id, "user": scope.user_id}
