"""Sessions of a user: pages, one with its last turns, and deletion with everything that rests on it alone."""

from dataclasses import dataclass
from datetime import datetime

from app.domain.event import Event
from app.domain.scope import UserScope
from app.errors import NotFoundError
from app.storage import blocks, changes, events, memory_edits, session_removal, sessions, work
from app.storage.db import Connection
from app.storage.sessions import Session

INDEX = "index"
CONSOLIDATE = "consolidate"
LAST_TURNS = 6  # SPEC 2: the tail that recall always shows too


@dataclass(frozen=True, slots=True)
class Removed:
    """What a deleted session took with it."""

    events: int
    memories: int


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


def delete(conn: Connection, scope: UserScope, session_id: str, *, actor: str) -> Removed:
    """Delete a session: its turns, what was read from them, and the memories that rest on nothing else.

    Work of this user that runs now loses its lease, so that nothing of the session is written after this.
    """
    if not session_removal.lock(conn, scope, session_id):
        raise NotFoundError("There is no such session.")
    changes.lock_user(conn, scope)
    session_removal.fence(conn, scope, session_id)
    orphans = session_removal.memories_of_only(conn, scope, session_id)
    if orphans:
        memory_edits.erase(conn, scope, orphans, actor=actor)
    count = session_removal.remove(conn, scope, session_id)
    work.enqueue(conn, scope, CONSOLIDATE)
    work.enqueue(conn, scope, INDEX)
    work.enqueue_tidy(conn, scope)
    return Removed(count, len(orphans))
