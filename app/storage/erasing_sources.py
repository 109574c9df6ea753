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
    derivations,
    erasing,
    erasing_memories,
    erasing_turns,
    idempotency,
    memory_edits,
    rewording,
    work,
)
from app.storage.db import Connection
from app.storage.erasing_memories import Told
from app.storage.erasure_tables import OWN_WORDS

OF_USER = "project_id = %(project)s AND user_id = %(user)s"

# Memories that have a source among the erased ones; `shared`: also one that stays.
RESTING = """
SELECT m.id, bool_or(s.event_id NOT IN (SELECT unnest(%(events)s::uuid[]))) AS shared
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
TOLD = f"""
SELECT id, body ->> 'text' AS text FROM candidates WHERE project_id = %(project)s AND user_id = %(user)s
  AND (body ->> 'text' IN (SELECT unnest(%(texts)s::text[]))) IS TRUE AND NOT {erasing_turns.TOLD_BY_THEM}
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
    """What went: rows by table; the memories; the reflections that may be derived anew (`unmade`); and for fingerprints
    what was said and what was stated of it (neither is to be kept).
    """

    counts: Counter[str]
    memory_ids: tuple[UUID, ...]
    unmade: tuple[UUID, ...]
    said: tuple[str, ...]
    told: Told


def erase(conn: Connection, scope: UserScope, sources: Sources, *, actor: str) -> Erased:
    """Erase them; the caller enqueues index and tidy work."""
    events, named = list(sources.event_ids), set(sources.memory_ids)
    resting = conn.execute(RESTING, _of(scope) | {"events": events}).fetchall()
    alone = {row["id"] for row in resting if not row["shared"]} | named
    rests, told_by = _rests(conn, scope, [row["id"] for row in resting if row["id"] not in alone], events)
    lost = alone | {memory_id for memory_id, rest in rests.items() if rest is None or rest.version is not None}
    derived = [id_ for id_ in derivations.of(conn, scope, sorted(lost)) if id_ not in alone and id_ not in rests]
    more, told_more = _rests(conn, scope, derived, events)
    rests, told_by = rests | more, told_by | told_more
    going = alone | {memory_id for memory_id, rest in rests.items() if rest is None}
    unmade = sorted(derivations.by_sleep(conn, scope, sorted(going - named)))
    gone = sorted(going - set(unmade))
    ended = erasing_memories.ended_by(conn, scope, sorted(going | set(rests)))
    erasing.lock_rows(conn, scope, sorted({*going, *rests, *(row.id for row in ended)}), sorted(events))
    work.enqueue(conn, scope, WorkKind.CONSOLIDATE)  # first, as the kinds are ordered; for what is open besides
    erasing.fence(conn, scope)
    told = erasing_memories.told(conn, scope, sorted(going))
    said = erasing_turns.texts(conn, scope, events)
    counts: Counter[str] = Counter()
    counts["idempotency_keys"] = idempotency.redact_naming(conn, scope, [*events, *sorted(going)])
    again = [row for row in ended if row.id not in going and row.successor in going]
    chain = erasing_memories.chain(conn, scope, sorted(going))
    memory_edits.erase(conn, scope, gone, actor=actor)
    derivations.unmake(conn, scope, unmade)
    erasing_memories.bring_back(conn, scope, again, chain, named=named, actor=actor)
    staying = {memory_id: rest for memory_id, rest in rests.items() if rest is not None}
    over = rewording.reword(conn, scope, staying, told_by, events, actor=actor)
    counts["memories"] = len(going) + len(over)
    reworded = [memory_id for memory_id, rest in staying.items() if rest.version is not None and memory_id not in over]
    counts["memories_reworded"] = len(reworded)
    counts["memory_sources"] = erasing_memories.cut_sources(conn, scope, events)
    counts["served"] = _forget_served(conn, scope, [*told.statements, *told.reflections, *said])
    counts += erasing_turns.remove(conn, scope, events, derived_only=sources.derived_only)
    erasing_memories.drop_scenes(conn, scope)
    return Erased(+counts, (*gone, *over), tuple(unmade), tuple(said), told)


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
    rows = conn.execute(TOLD, _of(scope) | {"texts": texts, "events": list(events)}).fetchall()
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
