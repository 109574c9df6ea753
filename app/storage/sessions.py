"""Sessions and speakers of a user: rows that grow with the events. For the insert, recall and http."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from app.domain.event import NewEvent
from app.domain.scope import ProjectScope, UserScope
from app.storage import tombstones
from app.storage.db import Connection

UPSERT = """
INSERT INTO sessions AS s (project_id, user_id, session_id, agent_id, first_at, last_at)
VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (project_id, user_id, session_id) DO UPDATE SET
    agent_id = coalesce(excluded.agent_id, s.agent_id),
    first_at = least(s.first_at, excluded.first_at), last_at = greatest(s.last_at, excluded.last_at)
"""


@dataclass(frozen=True, slots=True)
class Session:
    """One conversation of a user. `first_at` and `last_at` are of what was said, `created_at` of its arrival."""

    user_id: str
    session_id: str
    agent_id: str | None
    events: int
    first_at: datetime
    last_at: datetime
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Speaker:
    """A name under which somebody spoke to or about a user, with the role."""

    name: str
    role: str


def touch(conn: Connection, scope: ProjectScope, events: Iterable[NewEvent]) -> None:
    """Create or widen the sessions of these events, in one order, so that two batches queue instead of deadlocking."""
    events = list(events)
    tombstones.enter(conn, scope, [event.user_id for event in events])
    grouped: dict[tuple[str, str], list[NewEvent]] = {}
    for event in events:
        grouped.setdefault((event.user_id, event.session_id), []).append(event)
    rows = []
    for (user_id, session_id), said in sorted(grouped.items()):
        agents = [event.agent_id for event in said if event.agent_id]
        times = [event.occurred_at for event in said]
        agent = agents[-1] if agents else None
        rows.append((scope.project_id, user_id, session_id, agent, min(times), max(times)))
    with conn.cursor() as cursor:
        cursor.executemany(UPSERT, rows)


def add_counts(conn: Connection, scope: ProjectScope, counts: dict[tuple[str, str], int]) -> None:
    """Add the number of newly stored events to each (user, session), which have taken as many places."""
    with conn.cursor() as cursor:
        cursor.executemany(
            "UPDATE sessions SET places = greatest(places, events) + %(n)s, events = events + %(n)s"
            " WHERE project_id = %(project)s AND user_id = %(user)s AND session_id = %(session)s",
            [
                {"n": n, "project": scope.project_id, "user": user, "session": session}
                for (user, session), n in sorted(counts.items())
            ],
        )


def add_speakers(conn: Connection, scope: ProjectScope, events: Iterable[NewEvent]) -> None:
    """Remember who speaks to each user, by name and role."""
    names = sorted({(e.user_id, e.name, e.role.value) for e in events if e.name})
    if not names:
        return
    with conn.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO speakers (project_id, user_id, name, role) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
            [(scope.project_id, *row) for row in names],
        )


def speakers(conn: Connection, scope: UserScope) -> list[Speaker]:
    """Everybody who spoke in this user's sessions under a name."""
    rows = conn.execute(
        "SELECT name, role FROM speakers WHERE project_id = %s AND user_id = %s ORDER BY name, role",
        (scope.project_id, scope.user_id),
    ).fetchall()
    return [Speaker(**row) for row in rows]


COLUMNS = "user_id, session_id, agent_id, events, first_at, last_at, created_at"


def get(conn: Connection, scope: UserScope, session_id: str) -> Session | None:
    """One session of this user."""
    row = conn.execute(
        f"SELECT {COLUMNS} FROM sessions WHERE project_id = %s AND user_id = %s AND session_id = %s",
        (scope.project_id, scope.user_id, session_id),
    ).fetchone()
    return Session(**row) if row else None


def latest_with(conn: Connection, scope: UserScope, agent_id: str, until: datetime) -> str | None:
    """The session that this agent spoke in last, of those that had begun by then."""
    row = conn.execute(
        "SELECT session_id FROM sessions WHERE project_id = %s AND user_id = %s AND agent_id = %s AND first_at <= %s"
        " ORDER BY last_at DESC, session_id LIMIT 1",
        (scope.project_id, scope.user_id, agent_id, until),
    ).fetchone()
    return None if row is None else str(row["session_id"])


def page(
    conn: Connection, scope: UserScope, *, after: tuple[datetime, str] | None = None, limit: int = 50
) -> list[Session]:
    """Sessions of this user, the latest said first; `after` is (last_at, session_id) of the last one seen."""
    rows = conn.execute(
        f"SELECT {COLUMNS} FROM sessions WHERE project_id = %(project)s AND user_id = %(user)s"
        " AND (%(at)s::timestamptz IS NULL OR (last_at, session_id) < (%(at)s, %(id)s))"
        " ORDER BY last_at DESC, session_id DESC LIMIT %(limit)s",
        {
            "project": scope.project_id,
            "user": scope.user_id,
            "at": after[0] if after else None,
            "id": after[1] if after else None,
            "limit": limit,
        },
    ).fetchall()
    return [Session(**row) for row in rows]
