"""Lines of a cube as rows: many at once, by the types of the database itself. The caller holds the user's lock.

A row hangs only on rows of the same user: PostgreSQL checks a reference past row security, so each statement joins its
parents itself.
"""

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

import orjson

from app.domain.cube_check import Column
from app.domain.cubes import LineKind
from app.domain.normalise import text_hash
from app.domain.scope import UserScope
from app.domain.versions import LATER
from app.storage.db import Connection
from app.storage.segments import events_hash

# A parent of the same name is as good as one of the same id: what the target calls the same is not made twice.
SAME_ENTITY = """
JOIN LATERAL (SELECT e.id FROM entities e WHERE e.project_id = %(project)s AND e.user_id = %(user)s
    AND (e.id = x.entity_id OR (e.normalised = o.normalised AND e.kind = o.kind))
    ORDER BY e.id = x.entity_id DESC LIMIT 1) n ON true
"""
SAME_EVENT = """
JOIN LATERAL (SELECT e.id FROM events e WHERE e.project_id = %(project)s AND e.user_id = %(user)s AND (e.id = x.event_id
    OR (e.session_id = o.session_id AND e.client_id = o.client_id)) ORDER BY e.id = x.event_id DESC LIMIT 1) n ON true
"""
OTHERS = {"memory_entity": (SAME_ENTITY, "entity_id", "normalised text, kind text"),
          "source": (SAME_EVENT, "event_id", "session_id text, client_id text")}  # fmt: skip
# A version is taken up to the one that its memory has, and is open only where it is that one.
CONDITIONS = {
    "version": "EXISTS (SELECT 1 FROM memories m WHERE m.id = x.memory_id AND x.version <= m.version"
    " AND (x.recorded_until IS NOT NULL OR x.version = m.version))",
    "vector": """
CASE x.kind WHEN 'memory' THEN EXISTS (SELECT 1 FROM memories m WHERE m.id = x.target_id AND m.project_id = %(project)s
    AND m.user_id = %(user)s AND m.status <> 'erased')
ELSE EXISTS (SELECT 1 FROM events e WHERE e.id = x.target_id AND e.project_id = %(project)s
    AND e.user_id = %(user)s) END
""",
}


def insert(
    conn: Connection, scope: UserScope, kind: LineKind, fields: Mapping[str, Column], lines: Sequence[Mapping[str, Any]]
) -> int:
    """Add the lines that are not there yet, in order, but those without a parent here; returns how many were added."""
    added = 0
    groups: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for line in lines:
        groups.setdefault(tuple(name for name in fields if name in line), []).append(line)
    for names, members in groups.items():
        rows = [row_of(scope, kind, fields, names, line) for line in members]
        added += conn.execute(
            _statement(kind, [name for name in names if name not in kind.extra]),
            {"project": scope.project_id, "user": scope.user_id, "rows": orjson.dumps(rows).decode()},
        ).rowcount
    return added


def replace_memories(
    conn: Connection, scope: UserScope, kind: LineKind, fields: Mapping[str, Column], lines: Sequence[Mapping[str, Any]]
) -> None:
    """Make these memories, which are there, what the lines say, each as its next version; their vectors go, and with a
    deleted one the empty versions that were left of it.
    """
    conn.execute(
        "DELETE FROM memory_versions v USING memories m WHERE m.id = v.memory_id AND m.id = ANY (%s)"
        " AND m.project_id = %s AND m.user_id = %s AND m.status = 'erased'",
        ([UUID(line["id"]) for line in lines], scope.project_id, scope.user_id),
    )
    for line in lines:
        names = [name for name in fields if name in line and name not in {"id", "version"}]
        row = row_of(scope, kind, fields, ("id", "version", *names), line)
        sets = ", ".join(f'"{name}" = x."{name}"' for name in (*names, "text_hash"))
        conn.execute(
            f"UPDATE memories m SET {sets}, version = greatest(m.version, x.version) + 1, indexed_version = 0"
            " FROM json_populate_record(NULL::memories, %(row)s::json) x"
            " WHERE m.id = x.id AND m.project_id = %(project)s AND m.user_id = %(user)s",
            {"row": orjson.dumps(row).decode(), "project": scope.project_id, "user": scope.user_id},
        )
    conn.execute(
        "DELETE FROM vectors WHERE target_id = ANY (%s) AND project_id = %s AND user_id = %s",
        ([UUID(line["id"]) for line in lines], scope.project_id, scope.user_id),
    )


def known_memories(
    conn: Connection, scope: UserScope, lines: Sequence[Mapping[str, Any]]
) -> tuple[dict[str, dict[str, Any]], dict[bytes, dict[str, Any]]]:
    """The memories here that the lines meet: by id, and the active ones by the hash of their text."""
    rows = conn.execute(
        "SELECT id::text AS id, version, status, text_hash, updated_at FROM memories WHERE project_id = %(project)s"
        " AND user_id = %(user)s AND (id = ANY (%(ids)s) OR (status = 'active' AND text_hash = ANY (%(hashes)s)))",
        {
            "project": scope.project_id,
            "user": scope.user_id,
            "ids": [UUID(line["id"]) for line in lines],
            "hashes": [text_hash(line["text"]) for line in lines],
        },
    ).fetchall()
    by_id = {row["id"]: row for row in rows}
    return by_id, {bytes(row["text_hash"]): row for row in rows if row["status"] == "active"}


def row_of(
    scope: UserScope, kind: LineKind, fields: Mapping[str, Column], names: Sequence[str], line: Mapping[str, Any]
) -> dict[str, Any]:
    """A line as PostgreSQL reads it, with what is computed anew."""
    row = {name: _value(line[name], fields[name].type) for name in names}
    row |= {"project_id": str(scope.project_id), "user_id": scope.user_id}
    if kind.name == "memory":
        row |= {"text_hash": _hex(text_hash(line["text"])), "indexed_version": 0}
    elif kind.name == "event":
        row["indexed_version"] = 0
        if row.get("content_hash") is None:
            row["content_hash"] = _hex(sha256(orjson.dumps(line, option=orjson.OPT_SORT_KEYS)).digest())
    elif kind.name == "segment":
        row["events_hash"] = _hex(events_hash([UUID(i) for i in line["event_ids"]]))
    return row


COMPUTED = {
    "memory": ("text_hash", "indexed_version"),
    "event": ("content_hash", "indexed_version"),
    "segment": ("events_hash",),
}


def _statement(kind: LineKind, names: Sequence[str]) -> str:
    columns = list(dict.fromkeys((*names, "project_id", "user_id", *COMPUTED.get(kind.name, ()))))
    join, other, extra = OTHERS.get(kind.name, ("", "", ""))
    shown = ", ".join("n.id" if name == other else f'x."{name}"' for name in columns)
    if kind.name == "version" and "flagged" not in names:  # of a file from before versions kept these
        columns += LATER
        shown += "".join(f', (SELECT p."{name}" FROM memories p WHERE p.id = x.memory_id)' for name in LATER)
    listed = ", ".join(f'"{name}"' for name in columns)
    if extra:
        source = (
            f"ROWS FROM (json_populate_recordset(NULL::{kind.table}, %(rows)s::json)) WITH ORDINALITY AS x"
            f" JOIN ROWS FROM (json_to_recordset(%(rows)s::json) AS ({extra})) WITH ORDINALITY AS o USING (ordinality)"
        )
    else:
        source = f"json_populate_recordset(NULL::{kind.table}, %(rows)s::json) x"
    where = [
        f'EXISTS (SELECT 1 FROM {table} p WHERE p.id = x."{column}" AND p.project_id = %(project)s'
        " AND p.user_id = %(user)s)"
        for column, table in kind.parents
    ]
    if kind.name in CONDITIONS:
        where.append(CONDITIONS[kind.name])
    condition = f" WHERE {' AND '.join(where)}" if where else ""
    return f"INSERT INTO {kind.table} ({listed}) SELECT {shown} FROM {source} {join}{condition} ON CONFLICT DO NOTHING"


def _value(value: Any, type_: str) -> Any:
    return _hex(base64.b64decode(value)) if type_ == "bytea" and value is not None else value


def _hex(raw: bytes) -> str:
    return "\\x" + raw.hex()


RECORD = """
INSERT INTO memory_versions (memory_id, version, project_id, user_id, change, reason, actor, type, text, subject,
    attribute, value, status, frozen, event_time, event_time_precision, valid_from, valid_from_precision, valid_to,
    valid_to_precision, live_from, live_until, importance, confidence, metadata, expires_at, review_at, flagged,
    recorded_at)
SELECT id, version, project_id, user_id, 'replace', 'import', %(actor)s, type, text, subject, attribute, value, status,
    frozen, event_time, event_time_precision, valid_from, valid_from_precision, valid_to, valid_to_precision, live_from,
    live_until, importance, confidence, metadata, expires_at, review_at, flagged, %(at)s
FROM memories WHERE id = ANY (%(ids)s) AND project_id = %(project)s AND user_id = %(user)s
"""


def record(conn: Connection, scope: UserScope, ids: Sequence[UUID], actor: str, at: datetime) -> None:
    """Record these memories as they are now, and close the versions before."""
    values = {"ids": list(ids), "actor": actor, "at": at, "project": scope.project_id, "user": scope.user_id}
    conn.execute(
        "UPDATE memory_versions SET recorded_until = %(at)s WHERE memory_id = ANY (%(ids)s)"
        " AND project_id = %(project)s AND user_id = %(user)s AND recorded_until IS NULL",
        values,
    )
    conn.execute(RECORD, values)


FINISH = (
    # Sessions that turns came into, counted anew; and those that no line told of.
    """
INSERT INTO sessions AS s (project_id, user_id, session_id, agent_id, events, places, first_at, last_at)
SELECT e.project_id, e.user_id, e.session_id, max(e.agent_id), count(*), greatest(max(e.place), count(*)),
    min(e.occurred_at), max(e.occurred_at)
FROM events e WHERE e.project_id = %(project)s AND e.user_id = %(user)s GROUP BY 1, 2, 3
ON CONFLICT (project_id, user_id, session_id) DO UPDATE SET events = excluded.events, first_at = excluded.first_at,
    last_at = excluded.last_at, places = greatest(s.events, s.places, excluded.places)
    WHERE s.events <> excluded.events OR s.places < excluded.places
""",
    # What was indexed while its vectors were still to come.
    """
UPDATE memories m SET indexed_version = 0 FROM vectors v WHERE v.target_id = m.id AND v.updated_at >= %(since)s
    AND m.indexed_version <> 0 AND m.project_id = %(project)s AND m.user_id = %(user)s AND v.user_id = m.user_id
""",
    """
UPDATE events e SET indexed_version = 0 FROM vectors v WHERE v.target_id = e.id AND v.updated_at >= %(since)s
    AND e.indexed_version <> 0 AND e.project_id = %(project)s AND e.user_id = %(user)s AND v.user_id = e.user_id
""",
)


def finish(conn: Connection, scope: UserScope, since: datetime) -> None:
    """What is only known when all lines are in; `since` is when the import began."""
    for statement in FINISH:
        conn.execute(statement, {"project": scope.project_id, "user": scope.user_id, "since": since})


def unfinished(conn: Connection, scope: UserScope) -> tuple[list[str], bool]:
    """Sessions with turns that nobody has read yet, and whether statements wait for their decision."""
    values = (scope.project_id, scope.user_id)
    sessions = conn.execute(
        "SELECT DISTINCT session_id FROM events WHERE project_id = %s AND user_id = %s AND state = 'pending'"
        " AND extracted_at IS NULL ORDER BY session_id",
        values,
    ).fetchall()
    waiting = conn.execute(
        "SELECT 1 FROM candidates WHERE project_id = %s AND user_id = %s AND state = 'open' LIMIT 1", values
    ).fetchone()
    return [row["session_id"] for row in sessions], waiting is not None


def has_sessions(conn: Connection, scope: UserScope) -> bool:
    """Whether the user has a session."""
    row = conn.execute(
        "SELECT 1 FROM sessions WHERE project_id = %s AND user_id = %s LIMIT 1", (scope.project_id, scope.user_id)
    ).fetchone()
    return row is not None


def sealed_of(conn: Connection, scope: UserScope, lines: Sequence[Mapping[str, Any]]) -> list[tuple[UUID, int]]:
    """Those of these versions that the audit has sealed and that are not there any more."""
    rows = conn.execute(
        "SELECT x.id, x.version FROM unnest(%s::uuid[], %s::int[]) AS x (id, version)"
        " JOIN audit_seals s ON s.ref = x.id AND s.version = x.version AND s.project_id = %s"
        " WHERE NOT EXISTS (SELECT 1 FROM memory_versions v WHERE v.memory_id = x.id AND v.version = x.version)",
        ([line["memory_id"] for line in lines], [line["version"] for line in lines], scope.project_id),
    ).fetchall()
    return [(row["id"], row["version"]) for row in rows]


def restored(conn: Connection, scope: UserScope, versions: Sequence[tuple[UUID, int]]) -> None:
    """Mark versions that came back after their erasure: what the audit sealed of their words went with the salt."""
    if versions:
        conn.execute(
            "UPDATE memory_versions v SET salt = '' FROM unnest(%s::uuid[], %s::int[]) AS x (id, version)"
            " WHERE v.memory_id = x.id AND v.version = x.version AND v.project_id = %s AND v.user_id = %s",
            ([id_ for id_, _ in versions], [number for _, number in versions], scope.project_id, scope.user_id),
        )
