"""What must be true after every kill, recovery and drain. Each rule gives a list of what breaks it, so that a control
can show that the rules are able to fail.
"""

import hashlib
import time
from collections import Counter
from pathlib import Path
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from app.index.edge import EdgeIndex
from tests.crash.writers import Acknowledged

OPEN_WORK = """
SELECT count(*) FILTER (WHERE state <> 'dead') AS open, count(*) FILTER (WHERE state = 'dead') AS dead FROM work
"""
STORED = "SELECT id, user_id, session_id, client_id, content, state FROM events"
SAME_TEXT = """
SELECT project_id, user_id, lower(text) AS text, count(*) AS n FROM memories WHERE status = 'active'
GROUP BY project_id, user_id, lower(text) HAVING count(*) > 1
"""
WITHOUT_SOURCE = """
SELECT m.id, m.text FROM memories m
WHERE m.status <> 'erased'
  AND NOT EXISTS (SELECT 1 FROM memory_sources s JOIN events e ON e.id = s.event_id WHERE s.memory_id = m.id)
"""
ROWS = """
SELECT id, 'event' AS kind, version, state AS status FROM events
UNION ALL SELECT id, 'memory', version, status FROM memories
"""


def connect(url: str) -> psycopg.Connection:
    return psycopg.connect(url, row_factory=dict_row, autocommit=True)


def drain(url: str, seconds: float) -> list[str]:
    """Wait until no work is open and no event is pending; what is left when the time is up breaks the rule."""
    until = time.monotonic() + seconds
    while True:
        with connect(url) as connection:
            work = connection.execute(OPEN_WORK).fetchone()
            pending = connection.execute("SELECT count(*) AS n FROM events WHERE state = 'pending'").fetchone()
        if work["open"] == 0 and (pending["n"] == 0 or time.monotonic() > until):
            break
        if time.monotonic() > until:
            break
        time.sleep(0.25)
    found = []
    if work["open"]:
        found.append(f"{work['open']} units of work are still open after {seconds} s")
    if work["dead"]:
        with connect(url) as connection:
            errors = connection.execute("SELECT kind, error FROM work WHERE state = 'dead' LIMIT 3").fetchall()
        found.append(f"{work['dead']} units of work are dead: {errors}")
    if pending["n"]:
        found.append(f"{pending['n']} events are pending with no work for them: their hand-over was lost")
    return found


def stored_once(url: str, acknowledged: list[Acknowledged]) -> list[str]:
    """Every acknowledged event is there exactly once, as it was sent, and processed; none is there twice."""
    with connect(url) as connection:
        rows = connection.execute(STORED).fetchall()
    by_name = {(r["user_id"], r["session_id"], r["client_id"]): r for r in rows}
    found = [f"{n} rows of {name}" for name, n in Counter(map(row_name, rows)).items() if n > 1]
    for entry in acknowledged:
        row = by_name.get((entry.user_id, entry.session_id, entry.client_id))
        if row is None:
            found.append(f"{entry.client_id} was acknowledged and is not stored")
        elif row["id"] != UUID(entry.event_id):
            found.append(f"{entry.client_id} was acknowledged as {entry.event_id} and is stored as {row['id']}")
        elif hashlib.sha256(row["content"].encode()).hexdigest() != entry.sha256:
            found.append(f"{entry.client_id} is stored with other content")
        elif row["state"] != "processed":
            found.append(f"{entry.client_id} is {row['state']}")
    return found


def row_name(row: dict) -> tuple[str, str, str]:
    return row["user_id"], row["session_id"], row["client_id"]


def memories_are_sound(url: str) -> list[str]:
    """No two live memories of one user say the same, and each leads back to an event."""
    with connect(url) as connection:
        twice = connection.execute(SAME_TEXT).fetchall()
        rootless = connection.execute(WITHOUT_SOURCE).fetchall()
    found = [f"{row['n']} live memories of {row['user_id']} say {row['text']!r}" for row in twice]
    return found + [f"memory {row['id']} has no source: {row['text']!r}" for row in rootless]


def live_collection(url: str) -> str:
    with connect(url) as connection:
        return connection.execute("SELECT name FROM index_collections WHERE state = 'live'").fetchone()["name"]


def rows(url: str) -> dict[UUID, dict]:
    """All events and memories by id, read while PostgreSQL still runs."""
    with connect(url) as connection:
        return {row["id"]: row for row in connection.execute(ROWS).fetchall()}


def index_agrees(index_path: Path, collection: str, stored: dict[UUID, dict]) -> list[str]:
    """Rows and points are the same set in the same versions. The service must be stopped: Edge has one owner."""
    index = EdgeIndex(index_path)
    try:
        keys = list(index.scroll(collection))
    finally:
        index.close()
    found = [f"{n} points of {id_}" for id_, n in Counter(key.id for key in keys).items() if n > 1]
    points = {key.id: key.version for key in keys}
    for id_, version in points.items():
        row = stored.get(id_)
        if row is None:
            found.append(f"point {id_} has no row")
        elif row["version"] != version:
            found.append(f"the point of {row['kind']} {id_} has version {version}, its row {row['version']}")
    must = (id_ for id_, row in stored.items() if row["kind"] == "event" or row["status"] == "active")
    return found + [f"{stored[id_]['kind']} {id_} has no point" for id_ in must if id_ not in points]
