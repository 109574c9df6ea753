"""Turns that are erased, with what extraction made of them: segments, candidates, vectors, and the windows of the turns
around them. Part of `erasing_sources`.
"""

from collections import Counter
from collections.abc import Sequence
from uuid import UUID

from app.domain.scope import UserScope
from app.domain.windows import window_vectors
from app.storage import event_stages, events, unindex, vectors
from app.storage.db import Connection

OF_USER = "project_id = %(project)s AND user_id = %(user)s"
# Sets that are hashed once. PostgreSQL goes through an array from its beginning for each row, and joins what EXISTS
# says.
THEM = "(SELECT unnest(%(events)s::uuid[]))"
TOLD_BY_THEM = (
    "(SELECT bool_or(b.id IN (SELECT unnest(%(events)s::uuid[])::text)) IS TRUE"
    " FROM jsonb_array_elements_text(body -> 'event_ids') AS b (id))"
)
OF_THEM = f"(SELECT bool_or(b.id IN {THEM}) IS TRUE FROM unnest(event_ids) AS b (id))"
OF_OTHERS = f"(SELECT bool_or(b.id NOT IN {THEM}) IS TRUE FROM unnest(event_ids) AS b (id))"
FROM_THEM = f"DELETE FROM candidates WHERE {OF_USER} AND {TOLD_BY_THEM} RETURNING event_ids"
WITHOUT_THEM = f"ARRAY(SELECT e FROM unnest(event_ids) WITH ORDINALITY AS u (e, n) WHERE e NOT IN {THEM} ORDER BY n)"

# What was made of the turns must not be made again from them, so the candidates stay, without words.
BLANK_CANDIDATES = f"""
UPDATE candidates SET
    body = body || '{{"text": "", "subject": null, "attribute": null, "value": null, "entities": []}}',
    state = 'decided', decision = coalesce(decision, 'ignore'), reason = 'deleted', dense = NULL
WHERE {OF_USER} AND {TOLD_BY_THEM}
"""
# A segment of other turns too is told anew by nobody: what it said of all of them goes.
SEGMENTS = (
    f"DELETE FROM segments WHERE {OF_USER} AND {OF_THEM} AND NOT {OF_OTHERS}",
    (
        "UPDATE segments SET title = '', summary = '', keywords = '{}', dense = NULL, participants = '{}',"
        f" event_ids = {WITHOUT_THEM} WHERE {OF_USER} AND {OF_THEM}"
    ),
)
BLANK_SEGMENTS = (
    f"UPDATE segments SET title = '', summary = '', keywords = '{{}}', dense = NULL WHERE {OF_USER} AND {OF_THEM}"
)
EMPTY_SESSIONS = f"""
DELETE FROM {{table}} t WHERE {OF_USER} AND session_id = ANY (%(sessions)s) AND NOT EXISTS (SELECT 1 FROM events e
    WHERE e.project_id = t.project_id AND e.user_id = t.user_id AND e.session_id = t.session_id)
"""
RESIZE = f"""
UPDATE sessions s SET first_at = e.first_at, last_at = e.last_at, agent_id = e.agent_id,
    places = greatest(s.places, s.events), events = e.n FROM (
    SELECT session_id, count(*) AS n, min(occurred_at) AS first_at, max(occurred_at) AS last_at,
        (array_agg(agent_id ORDER BY seq DESC) FILTER (WHERE agent_id IS NOT NULL))[1] AS agent_id
    FROM events WHERE {OF_USER} AND session_id = ANY (%(sessions)s) GROUP BY session_id) e
WHERE s.project_id = %(project)s AND s.user_id = %(user)s AND s.session_id = e.session_id
"""
SPEAKERS = f"""
DELETE FROM speakers s WHERE {OF_USER} AND NOT EXISTS (SELECT 1 FROM events e WHERE e.project_id = s.project_id
    AND e.user_id = s.user_id AND e.name = s.name AND e.role = s.role)
"""


def texts(conn: Connection, scope: UserScope, event_ids: Sequence[UUID]) -> list[str]:
    """Everything that was said in these events: content, names and the words of metadata."""
    rows = conn.execute(
        f"SELECT content, name, metadata FROM events WHERE {OF_USER} AND id = ANY (%(events)s)",
        _of(scope) | {"events": list(event_ids)},
    ).fetchall()
    said = [[row["content"], row["name"] or "", *words_of(row["metadata"])] for row in rows]
    return [text for of_event in said for text in of_event if text]


def words_of(value: object) -> list[str]:
    """All strings in parsed JSON, keys included."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [word for key, member in value.items() for word in (str(key), *words_of(member))]
    return [word for member in value for word in words_of(member)] if isinstance(value, list) else []


def remove(conn: Connection, scope: UserScope, event_ids: Sequence[UUID], *, derived_only: bool) -> Counter[str]:
    """Take these events out (with `derived_only` only what was made of them); returns rows by table."""
    counts: Counter[str] = Counter()
    if not event_ids:
        return counts
    values = _of(scope) | {"events": list(event_ids)}
    if derived_only:
        counts["candidates"] = conn.execute(BLANK_CANDIDATES, values).rowcount
        counts["segments"] = conn.execute(BLANK_SEGMENTS, values).rowcount
        return counts
    around = _around(conn, scope, event_ids)
    told = conn.execute(FROM_THEM, values).fetchall()
    counts["candidates"] = len(told)
    # A statement that took one of them back keeps its own words.
    conn.execute(f"UPDATE candidates SET event_ids = {WITHOUT_THEM} WHERE {OF_USER} AND {OF_THEM}", values)
    counts["segments"] = sum(conn.execute(statement, values).rowcount for statement in SEGMENTS)
    counts["vectors"] = conn.execute(
        f"DELETE FROM vectors WHERE {OF_USER} AND target_id = ANY (%(events)s)", values
    ).rowcount
    unindex.add(conn, scope, event_ids)
    rows = conn.execute(f"DELETE FROM events WHERE {OF_USER} AND id = ANY (%(events)s) RETURNING session_id", values)
    sessions = [row["session_id"] for row in rows.fetchall()]
    counts["events"] = len(sessions)
    values["sessions"] = sorted(set(sessions))
    conn.execute(RESIZE, values)
    conn.execute(EMPTY_SESSIONS.format(table="blocks"), values)
    conn.execute(
        f"DELETE FROM work t WHERE {OF_USER} AND kind = 'extract' AND session_id = ANY (%(sessions)s) AND NOT EXISTS"
        " (SELECT 1 FROM events e WHERE e.project_id = t.project_id AND e.user_id = t.user_id"
        " AND e.session_id = t.session_id)",
        values,
    )
    counts["sessions"] = conn.execute(EMPTY_SESSIONS.format(table="sessions"), values).rowcount
    # Turns that told something together with an erased one have nothing left to wait for.
    beside = {event_id for row in told for event_id in row["event_ids"]} - set(event_ids)
    event_stages.mark_consolidated(conn, scope, sorted(beside))
    counts["speakers"] = conn.execute(SPEAKERS, values).rowcount
    _renew_windows(conn, scope, around)
    return counts


def _around(conn: Connection, scope: UserScope, event_ids: Sequence[UUID]) -> list[UUID]:
    """The turns that stay beside these: their windows hold words of them."""
    beside = event_stages.neighbours(conn, scope, event_ids)
    return sorted({i for pair in beside.values() for i in pair if i is not None} - set(event_ids))


def _renew_windows(conn: Connection, scope: UserScope, turns: Sequence[UUID]) -> None:
    """Make the windows of these turns anew from the turns that are beside them now."""
    if not turns:
        return
    beside = event_stages.neighbours(conn, scope, turns)
    wanted = {i for pair in beside.values() for i in pair if i is not None} | set(turns)
    known = events.by_ids(conn, scope, sorted(wanted))
    vectors.update_windows(conn, scope, window_vectors(turns, beside, known))
    event_stages.bump(conn, scope, turns)


def _of(scope: UserScope) -> dict[str, object]:
    return {"project": scope.project_id, "user": scope.user_id}
