"""Memories as the pipeline changes them: what a decision reads, and one batch of writes with versions, sources, vectors
and entities. What apps write is in `memory_edits`. Both hold the user's lock while they write.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from app.domain.change import Neighbour
from app.domain.dates import CalendarDate
from app.domain.lexical import TEXT_LENGTH, document_vector
from app.domain.memory import MemoryStatus, MemoryType
from app.domain.memory_writes import ChangedMemory, Decided, KnownMemory, MemoryWrites, NewMemory
from app.domain.scope import UserScope
from app.storage import entities, links, reflections, vectors
from app.storage.db import Connection, Row
from app.storage.version_rows import record

ENDED = frozenset({MemoryStatus.SUPERSEDED, MemoryStatus.INVALIDATED})


class StaleDecisionError(Exception):
    """Something that a decision relied on has changed: roll back and decide again."""


def lock_user(conn: Connection, scope: UserScope) -> datetime:
    """Wait until nobody else writes memories of this user, until the end of the transaction; returns the time then."""
    conn.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"memories:{scope.project_id}:{scope.user_id}",)
    )
    row = conn.execute("SELECT clock_timestamp() AS at").fetchone()
    assert row is not None  # noqa: S101 - a SELECT without FROM has one row
    at: datetime = row["at"]
    return at


NEIGHBOURS = """
WITH back AS (SELECT s.memory_id FROM memory_sources s WHERE s.event_id = ANY (%(retracted)s)
    UNION SELECT * FROM unnest(%(named)s::uuid[]))
SELECT m.id, m.version, m.type, m.text, m.text_hash, m.subject, m.attribute, m.value, m.single_valued, m.negated,
       m.status, m.frozen, m.live_from, m.live_until, m.valid_from, m.valid_to, m.superseded_by, m.confidence,
       m.stability, m.session_id, CASE WHEN m.status IN ('superseded', 'invalidated') THEN
           (SELECT v.valid_to FROM memory_versions v WHERE v.memory_id = m.id AND v.version = 1) ELSE m.valid_to END
           AS said_until, greatest(m.occurred_at, said.last_at) AS last_said_at, said.event_ids
FROM memories m
LEFT JOIN LATERAL (SELECT max(e.occurred_at) AS last_at, array_agg(e.id) AS event_ids
    FROM memory_sources s JOIN events e ON e.id = s.event_id WHERE s.memory_id = m.id) said ON true
WHERE m.project_id = %(project)s AND m.user_id = %(user)s AND (
    (m.status = 'active' AND (m.text_hash = ANY (%(hashes)s) OR m.id = ANY (%(ids)s)
     OR (m.attribute IS NOT NULL
         AND (m.subject, m.attribute) IN (SELECT * FROM unnest(%(subjects)s::text[], %(attributes)s::text[])))
     OR m.id IN (SELECT s.memory_id FROM memory_sources s WHERE s.event_id = ANY (%(events)s))))
    OR (m.status IN ('superseded', 'invalidated', 'merged') AND m.text_hash = ANY (%(hashes)s))
    OR (m.status = 'superseded' AND m.single_valued AND m.attribute IS NOT NULL
        AND (m.subject, m.attribute) IN (SELECT * FROM unnest(%(subjects)s::text[], %(attributes)s::text[])))
    OR (m.status = 'superseded' AND m.id IN (SELECT * FROM back))
    OR (m.status IN ('superseded', 'invalidated') AND m.superseded_by IN (SELECT * FROM back))
    OR (m.status = 'active' AND (m.id IN (SELECT b.superseded_by FROM memories b WHERE b.id IN (SELECT * FROM back))
        OR m.text_hash IN (SELECT b.text_hash FROM memories b WHERE b.project_id = %(project)s AND b.user_id = %(user)s
            AND b.status IN ('superseded', 'invalidated') AND b.superseded_by IN (SELECT * FROM back)))))
ORDER BY m.id
"""


@dataclass(frozen=True, slots=True)
class Matter:
    """What a run may be about: text hashes, (subject, attribute) keys, source events, and the nearest by vector; the
    events that it takes back, and the memories that a model named as taken back.
    """

    hashes: tuple[bytes, ...] = ()
    keys: tuple[tuple[str, str], ...] = ()
    event_ids: tuple[UUID, ...] = ()
    memory_ids: tuple[UUID, ...] = ()
    retracted: tuple[UUID, ...] = ()
    named: tuple[UUID, ...] = ()


def neighbours(conn: Connection, scope: UserScope, matter: Matter) -> list[KnownMemory]:
    """The active memories of this matter, those with one of its texts or single-valued keys that are history, and what
    was ended by what is taken back.
    """
    rows = conn.execute(
        NEIGHBOURS,
        {
            "project": scope.project_id,
            "user": scope.user_id,
            "hashes": list(matter.hashes),
            "subjects": [subject for subject, _ in matter.keys],
            "attributes": [attribute for _, attribute in matter.keys],
            "events": list(matter.event_ids),
            "ids": list(matter.memory_ids),
            "retracted": list(matter.retracted),
            "named": list(matter.named),
        },
    ).fetchall()
    return [_known(row) for row in rows]


def deleted_before(conn: Connection, scope: UserScope, candidate_ids: Sequence[UUID]) -> frozenset[UUID]:
    """Those candidates whose events, read in another segment before, gave a memory that was deleted since."""
    rows = conn.execute(
        "SELECT c.id FROM candidates c WHERE c.id = ANY (%s) AND c.project_id = %s AND c.user_id = %s AND EXISTS ("
        " SELECT 1 FROM candidates d WHERE d.event_ids && c.event_ids AND d.segment_id <> c.segment_id"
        " AND d.project_id = c.project_id AND d.user_id = c.user_id AND d.state = 'decided' AND d.reason = 'deleted')",
        (list(candidate_ids), scope.project_id, scope.user_id),
    ).fetchall()
    return frozenset(row["id"] for row in rows)


TAKEN_BACK = """
SELECT c.id, max(d.occurred_at) AS at FROM candidates c JOIN candidates d ON d.event_ids && c.event_ids AND d.id <> c.id
WHERE c.id = ANY (%s) AND c.project_id = %s AND c.user_id = %s AND d.project_id = c.project_id
  AND d.user_id = c.user_id AND d.state = 'decided' AND jsonb_array_length(coalesce(d.body -> 'retracts', '[]')) > 0
  AND jsonb_array_length(coalesce(d.body -> 'targets', '[]')) = 0
  AND (d.body -> 'retracts') @> to_jsonb(c.event_ids::text[]) AND jsonb_array_length(
      coalesce(c.body -> 'retracts', '[]')) = 0
GROUP BY c.id
"""


def taken_back(conn: Connection, scope: UserScope, candidate_ids: Sequence[UUID]) -> dict[UUID, datetime]:
    """Those candidates whose events a statement that was decided before took back, with the moment of that."""
    rows = conn.execute(TAKEN_BACK, (list(candidate_ids), scope.project_id, scope.user_id)).fetchall()
    return {row["id"]: row["at"] for row in rows}


def write(conn: Connection, scope: UserScope, writes: MemoryWrites, at: datetime) -> None:
    """Write the batch at the recorded time `at`, under `lock_user`. Raises StaleDecisionError when a candidate was
    decided or a memory changed meanwhile; the caller's transaction must roll back then.
    """
    whose = {"project": scope.project_id, "user": scope.user_id, "at": at}
    _close(conn, scope, writes.decided)
    _change(conn, whose, writes.changed)
    _insert(conn, whose, writes.new)
    versions = [(item.known.neighbour.id, item.change, item.reason) for item in writes.changed]
    versions += [(memory.id, "add", memory.reason) for memory in writes.new]
    record(conn, scope, versions, at, candidates=_causes(writes.decided))
    if any(item.known.neighbour.status in ENDED for item in writes.changed):
        reflections.withdraw(conn, scope)
    with conn.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO memory_sources (memory_id, event_id, project_id, user_id) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT DO NOTHING",
            [(memory, event, scope.project_id, scope.user_id) for memory, event in writes.sources],
        )
    _vectors(conn, scope, writes)
    entities.join(conn, scope, writes.new)
    links.insert(conn, scope, writes.new)


def _close(conn: Connection, scope: UserScope, decided: Sequence[Decided]) -> None:
    closed = conn.execute(
        "UPDATE candidates c SET state = 'decided', decision = x.decision, reason = x.reason, memory_id = x.memory_id,"
        " body = c.body || x.effects::jsonb, decided_at = now()"
        " FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::uuid[], %s::text[])"
        " AS x (id, decision, reason, memory_id, effects)"
        " WHERE c.id = x.id AND c.project_id = %s AND c.user_id = %s AND c.state = 'open'",
        (
            [d.candidate_id for d in decided],
            [d.decision for d in decided],
            [d.reason for d in decided],
            [d.memory_id for d in decided],
            [_effects(d) for d in decided],
            scope.project_id,
            scope.user_id,
        ),
    ).rowcount
    if closed != len(decided):
        raise StaleDecisionError("a candidate was decided by somebody else")


def _effects(decided: Decided) -> str:
    """What the statement did to other memories, kept beside it for `outcomes`."""
    found = {"ended": decided.ended, "invalidated": decided.invalidated, "revived": decided.revived}
    return orjson.dumps({name: [str(i) for i in ids] for name, ids in found.items() if ids}).decode()


CHANGE = """
UPDATE memories SET text = %(text)s, text_hash = %(hash)s, keywords = CASE WHEN text = %(text)s THEN keywords ELSE '{}'
    END, tags = CASE WHEN text = %(text)s THEN tags ELSE '{}' END,
    context = CASE WHEN text = %(text)s THEN context ELSE '' END, status = %(status)s,
    live_from = %(live_from)s, occurred_at = least(occurred_at, %(live_from)s),
    live_until = %(live_until)s, valid_to = %(valid_to)s, valid_to_precision = %(valid_to_precision)s,
    superseded_by = %(superseded_by)s, confidence = %(confidence)s, stability = %(stability)s, version = version + 1,
    last_used_at = CASE WHEN %(said_again)s THEN greatest(last_used_at, %(at)s) ELSE last_used_at END,
    updated_at = %(at)s
WHERE id = %(id)s AND project_id = %(project)s AND user_id = %(user)s AND version = %(version)s
"""


def _change(conn: Connection, whose: dict[str, Any], changed: Sequence[ChangedMemory]) -> None:
    if not changed:
        return
    # What ends comes first: of two memories with one text only one may be active, also between two rows.
    ordered = sorted(changed, key=lambda item: item.known.neighbour.status is MemoryStatus.ACTIVE)
    with conn.cursor() as cursor:
        cursor.executemany(CHANGE, [whose | _changed_values(item.known) for item in ordered])
        if cursor.rowcount != len(changed):
            raise StaleDecisionError("a memory was changed by somebody else")


INSERT = """
INSERT INTO memories (id, project_id, user_id, session_id, agent_id, type, text, text_hash, subject, attribute, value,
    single_valued, negated, status, event_time, event_time_precision, valid_from, valid_from_precision, valid_to,
    valid_to_precision, occurred_at, utc_offset, live_from, live_until, importance, confidence, stability,
    superseded_by, created_at, updated_at)
VALUES (%(id)s, %(project)s, %(user)s, %(session)s, %(agent)s, %(type)s, %(text)s, %(hash)s, %(subject)s, %(attribute)s,
    %(value)s, %(single_valued)s, %(negated)s, %(status)s, %(event_time)s, %(event_time_precision)s, %(valid_from)s,
    %(valid_from_precision)s, %(valid_to)s, %(valid_to_precision)s, %(occurred_at)s, %(offset)s, %(live_from)s,
    %(live_until)s, %(importance)s, %(confidence)s, %(stability)s, %(superseded_by)s, %(at)s, %(at)s)
ON CONFLICT (project_id, user_id, text_hash) WHERE status = 'active' DO NOTHING
"""


def _insert(conn: Connection, whose: dict[str, Any], new: Sequence[NewMemory]) -> None:
    if not new:
        return
    with conn.cursor() as cursor:
        cursor.executemany(INSERT, [whose | _new_values(memory) for memory in new])
        if cursor.rowcount != len(new):
            raise StaleDecisionError("somebody else remembered the same meanwhile")


def _causes(decided: Sequence[Decided]) -> dict[UUID, UUID]:
    """The candidate that each memory was changed by; of several the last."""
    return {
        memory_id: one.candidate_id
        for one in decided
        for memory_id in (one.memory_id, *one.ended, *one.invalidated, *one.revived)
        if memory_id is not None
    }


def _vectors(conn: Connection, scope: UserScope, writes: MemoryWrites) -> None:
    """The vectors of every text that is new: of new memories and of those with another wording."""
    texts = [(m.model, m.id, m.dense, m.candidate.text) for m in writes.new]
    texts += [
        (item.wording.model, item.known.neighbour.id, item.wording.dense, item.wording.text)
        for item in writes.changed
        if item.wording is not None
    ]
    for model in sorted({text[0] for text in texts}):
        rows = [
            vectors.StoredVector(memory_id, "memory", dense, document_vector(text, TEXT_LENGTH))
            for of, memory_id, dense, text in texts
            if of == model
        ]
        vectors.upsert(conn, scope, model, rows)


def _known(row: Row) -> KnownMemory:
    valid_to = CalendarDate.parse(row["valid_to"]) if row["valid_to"] else None
    neighbour = Neighbour(
        id=row["id"],
        version=row["version"],
        type=MemoryType(row["type"]),
        text=row["text"],
        text_hash=row["text_hash"],
        subject=row["subject"],
        attribute=row["attribute"],
        value=row["value"],
        single_valued=row["single_valued"],
        negated=row["negated"],
        status=MemoryStatus(row["status"]),
        frozen=row["frozen"],
        live_from=row["live_from"],
        live_until=row["live_until"],
        last_said_at=row["last_said_at"],
        event_ids=frozenset(row["event_ids"] or ()),
        session_id=row["session_id"],
        valid_from=CalendarDate.parse(row["valid_from"]) if row["valid_from"] else None,
        valid_to=valid_to,
        superseded_by=row["superseded_by"],
        said_until=CalendarDate.parse(row["said_until"]) if row["said_until"] else None,
    )
    return KnownMemory(neighbour, row["confidence"], row["stability"], valid_to, row["superseded_by"])


def _changed_values(known: KnownMemory) -> dict[str, Any]:
    neighbour = known.neighbour
    return {
        "id": neighbour.id,
        "version": neighbour.version,
        "text": neighbour.text,
        "hash": neighbour.text_hash,
        "status": neighbour.status.value,
        "live_from": neighbour.live_from,
        "live_until": neighbour.live_until,
        "superseded_by": known.superseded_by,
        "confidence": known.confidence,
        "stability": known.stability,
        "said_again": known.said_again,
        **_date("valid_to", known.valid_to),
    }


def _new_values(memory: NewMemory) -> dict[str, Any]:
    candidate = memory.candidate
    return {
        "id": memory.id,
        "session": candidate.session_id,
        "agent": candidate.agent_id,
        "type": candidate.type.value,
        "text": candidate.text,
        "hash": memory.text_hash,
        "subject": candidate.subject,
        "attribute": candidate.attribute,
        "value": candidate.value,
        "single_valued": candidate.single_valued,
        "negated": candidate.negated,
        "status": memory.status.value,
        "occurred_at": candidate.occurred_at,
        "offset": int((candidate.occurred_at.utcoffset() or timedelta(0)).total_seconds()),
        "live_from": memory.live_from,
        "live_until": memory.live_until,
        "importance": candidate.importance,
        "confidence": memory.confidence,
        "stability": memory.stability,
        "superseded_by": memory.superseded_by,
        **_date("event_time", candidate.event_time),
        **_date("valid_from", candidate.valid_from),
        **_date("valid_to", memory.valid_to),
    }


def _date(name: str, date: CalendarDate | None) -> dict[str, str | None]:
    return {name: date.text if date else None, f"{name}_precision": date.precision.value if date else None}
