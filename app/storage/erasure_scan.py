"""Looking for what should be gone after an erasure: rows by time, ids, and words by their fingerprints. Nothing is
changed; called by `POST /v1/erasures/{id}/verify` and at the end of the erase job.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from app.domain.fingerprints import fingerprints
from app.domain.scope import UserScope
from app.storage import idempotency
from app.storage.db import Connection
from app.storage.erasure_tables import HELD, OF_PROJECT, OWN_WORDS, Held
from app.storage.job_progress import NAMES_USER

OF_USER = "project_id = %(project)s AND user_id = %(user)s"
BATCH = 500  # rows read at a time

# Who may say again what was erased, in rows of later: the user in events, what was read of events that stay (unless
# what was made of them was erased), and an app in memories that it writes itself. What is made of one of these follows.
SAYING = {
    "events": "true",
    "candidates": """
        jsonb_array_length(t.body -> 'event_ids') > 0 AND NOT EXISTS (SELECT 1 FROM unnest(t.event_ids) AS s (id)
            WHERE NOT EXISTS (SELECT 1 FROM events e WHERE e.id = s.id AND e.project_id = t.project_id
                              AND e.user_id = t.user_id)
            OR EXISTS (SELECT 1 FROM tombstones d WHERE d.project_id = t.project_id AND d.user_id = t.user_id
                       AND d.target_kind = 'derived' AND d.target_id = s.id::text))
        AND NOT EXISTS (SELECT 1 FROM candidates d WHERE d.event_ids && t.event_ids AND d.project_id = t.project_id
                        AND d.user_id = t.user_id AND d.reason = 'deleted')
    """,
    "memories": f"EXISTS (SELECT 1 FROM memory_versions v WHERE v.memory_id = t.id AND v.version = 1 AND {OWN_WORDS})",
}


@dataclass(slots=True)
class Findings:
    """Hits by table: `found` should not be there; `again` are words that somebody said again after the erasure."""

    found: Counter[str] = field(default_factory=Counter)
    again: Counter[str] = field(default_factory=Counter)


def of_user(conn: Connection, scope: UserScope, at: datetime) -> Counter[str]:
    """Rows of an erased user: those from before the erasure, and where a table does not say when, all of them unless
    something was stored since.
    """
    values = _of(scope) | {"at": at}
    newer = conn.execute(
        f"SELECT 1 FROM events WHERE {OF_USER} AND created_at > %(at)s UNION ALL SELECT 1 FROM memories"
        f" WHERE {OF_USER} AND created_at > %(at)s LIMIT 1",
        values,
    ).fetchone()
    found: Counter[str] = Counter()
    for held in HELD:
        if held.at is not None:
            found[held.table] = _count(conn, f"{held.table} WHERE {OF_USER} AND {held.at} <= %(at)s", values)
        if newer is None:
            found[held.table] = _count(conn, f"{held.table} WHERE {OF_USER}", values)
    found["work"] = _count(conn, f"work WHERE {OF_USER} AND kind <> 'index' AND created_at <= %(at)s", values)
    found["unindex"] = _count(conn, f"unindex WHERE {OF_USER} AND created_at <= %(at)s", values)
    found["audit"] = _count(conn, f"audit WHERE {OF_USER} AND audit.at <= %(at)s", values)
    found["jobs"] = _count(
        conn,
        f"jobs WHERE project_id = %(project)s AND {NAMES_USER.format(j='jobs', named='%(user)s')}"
        " AND created_at <= %(at)s AND state IN ('done', 'failed')",
        values,
    )
    found["idempotency_keys"] = _count(
        conn,
        "idempotency_keys WHERE project_id = %(project)s AND created_at <= %(at)s AND (user_id = %(user)s"
        f" OR {idempotency.NAMES_USER.format(body='body')})",
        values,
    )
    return +found


def of_ids(conn: Connection, scope: UserScope, erasure_id: UUID, at: datetime, *, derived_only: bool) -> Counter[str]:
    """Rows that an erasure named by their ids and that are there again, or were never gone."""
    values = _of(scope) | {"id": erasure_id, "at": at}
    gone = (
        "(SELECT target_id FROM tombstones WHERE project_id = %(project)s AND user_id = %(user)s"
        " AND erasure_id = %(id)s AND target_kind = '{}')"
    )
    events, memories = gone.format("event"), gone.format("memory")
    found: Counter[str] = Counter()
    for table in ("memory_versions", "memory_sources", "memory_entities", "scene_members", "feedback"):
        empty = " AND text <> ''" if table == "memory_versions" else ""
        found[table] = _count(conn, f"{table} WHERE {OF_USER} AND memory_id::text IN {memories}{empty}", values)
    found["memories"] = _count(conn, f"memories WHERE {OF_USER} AND id::text IN {memories} AND text <> ''", values)
    found["vectors"] = _count(conn, f"vectors WHERE {OF_USER} AND target_id::text IN {memories}", values)
    if not derived_only:
        found["events"] = _count(conn, f"events WHERE {OF_USER} AND id::text IN {events}", values)
        found["vectors"] += _count(conn, f"vectors WHERE {OF_USER} AND target_id::text IN {events}", values)
        found["memory_sources"] += _count(
            conn, f"memory_sources WHERE {OF_USER} AND event_id::text IN {events}", values
        )
        found["candidates"] = _count(
            conn, f"candidates WHERE {OF_USER} AND (body -> 'event_ids') ?| ARRAY{events}", values
        )
    return +found


def of_words(  # noqa: PLR0913 - which words of whom
    conn: Connection, scope: UserScope, prints: frozenset[int], key: bytes, at: datetime, *, derived_only: bool
) -> Findings:
    """Rows of the user that hold words of what was erased. What an event or an app has said again is told apart."""
    findings = Findings()
    said: set[int] = set()
    for held in sorted(HELD, key=lambda h: list(SAYING).index(h.table) if h.table in SAYING else len(SAYING)):
        if not held.texts or (derived_only and held.table == "events"):
            continue
        for texts, saying in _rows(conn, scope, held, at):
            hits = fingerprints(texts, key) & prints
            if not hits:
                continue
            if saying:
                said |= hits
            (findings.again if hits & said else findings.found)[held.table] += 1
    for table, columns in OF_PROJECT.items():
        for texts in _project_rows(conn, scope, table, columns):
            if (fingerprints(texts, key) & prints) - said:
                findings.found[table] += 1
    return findings


def words_left(conn: Connection, scope: UserScope, prints: frozenset[int], key: bytes, at: datetime) -> set[int]:
    """Those fingerprints that also fit what remains from before the erasure: the user said the same elsewhere, so they
    prove nothing.
    """
    found: set[int] = set()
    for held in HELD:
        if held.texts:
            for texts, _ in _rows(conn, scope, held, at, older=True):
                found |= fingerprints(texts, key) & prints
    return found


def sample(conn: Connection, scope: UserScope, limit: int) -> list[str]:
    """What was said in some of a user's events, spread over all of them, and what an app wrote, for fingerprints."""
    rows = conn.execute(
        f"SELECT content AS text FROM events WHERE {OF_USER} AND content <> ''"
        " ORDER BY hashtextextended(id::text, 0) LIMIT %(limit)s",
        _of(scope) | {"limit": limit},
    ).fetchall()
    rows += conn.execute(
        "SELECT v.text FROM memory_versions v WHERE v.project_id = %(project)s AND v.user_id = %(user)s"
        f" AND v.text <> '' AND {OWN_WORDS} ORDER BY hashtextextended(v.memory_id::text, 0) LIMIT %(limit)s",
        _of(scope) | {"limit": limit},
    ).fetchall()
    return [row["text"] for row in rows]


def _rows(
    conn: Connection, scope: UserScope, held: Held, at: datetime, *, older: bool = False
) -> Iterator[tuple[list[str], bool]]:
    """The words of each row of the user, and whether it may say them."""
    saying = SAYING.get(held.table, "false")
    newer = f"t.{held.at} > %(at)s" if held.at is not None else "false"
    chosen = f" AND NOT ({newer})" if older else ""
    columns = ", ".join(f"t.{text} AS t{place}" for place, text in enumerate(held.texts))
    cursor = conn.execute(
        f"SELECT {columns}, ({saying}) AND {newer} AS saying FROM {held.table} t"
        f" WHERE t.project_id = %(project)s AND t.user_id = %(user)s{chosen}",
        _of(scope) | {"at": at},
    )
    while rows := cursor.fetchmany(BATCH):
        for row in rows:
            yield [row[f"t{place}"] for place in range(len(held.texts)) if row[f"t{place}"]], row["saying"]


def _project_rows(conn: Connection, scope: UserScope, table: str, columns: tuple[str, ...]) -> Iterator[list[str]]:
    named = ", ".join(f"{column} AS t{place}" for place, column in enumerate(columns))
    whose = NAMES_USER.format(j="j", named="%(user)s")
    rows = conn.execute(
        f"SELECT {named} FROM {table} j WHERE project_id = %(project)s AND {whose}", _of(scope)
    ).fetchall()
    for row in rows:
        yield [value for value in row.values() if value]


def _count(conn: Connection, what: str, values: dict[str, object]) -> int:
    row = conn.execute(f"SELECT count(*) AS n FROM {what}", values).fetchone()
    return int(row["n"]) if row else 0


def _of(scope: UserScope) -> dict[str, object]:
    return {"project": scope.project_id, "user": scope.user_id}
