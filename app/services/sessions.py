"""Sessions of a user: pages, and one with its last turns. Deleting one is an erasure."""

from datetime import datetime

from app.domain.event import Event
from app.domain.scope import UserScope
from app.errors import NotFoundError
from app.storage import blocks, events, sessions
from app.storage.db import Connection
from app.storage.sessions import Session

LAST_TURNS = 6  # SPEC 2: the tail that recall always shows too


def page(conn: Connection, scope: UserScope, *, after: tuple[datetime, str] | None, limit: int) -> list[Session]:
    """Sessions, the latest spoken first."""
    return sessions.page(conn, scope, after=after, limit=limit)


def get(conn: Connection, scope: UserScope, session_id: str) -> tuple[Session, str | None, list[Event]]:
    """One session with its summary and last turns; raises NotFoundError."""
    found = sessions.get(conn, scope, session_id)
    if found is None:
        raise NotFoundError("There is no such session.")
    summary = blocks.summary(conn, scope, session_id)
    return found, summary, events.tail(conn, scope, session_id, limit=LAST_TURNS)


def latest_with(conn: Connection, scope: UserScope, agent_id: str, until: datetime) -> str | None:
    """The session that this agent spoke in last by then, if there is one."""
    return sessions.latest_with(conn, scope, agent_id, until)
