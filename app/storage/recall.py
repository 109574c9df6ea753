"""The reads of a recall: few round trips, all under row-level security, and the last word over what the index says.

`narrow` turns a Narrowing into SQL conditions; every statement here goes through it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from types import MappingProxyType
from typing import Any
from uuid import UUID

from app.domain.birthdays import Birthday, birthday_of
from app.domain.dates import CalendarDate
from app.domain.event import Event
from app.domain.policy import DEFAULT, Policy, load_policy
from app.domain.query import Narrowing
from app.domain.scope import UserScope
from app.domain.units import Terms, Unit, turn_unit
from app.storage.db import Connection, Row
from app.storage.events import COLUMNS as EVENT_COLUMNS
from app.storage.events import to_event

STATE_OF_USER = """
SELECT p.body::text AS policy, p.preset || ':' || p.version AS policy_version,
       (SELECT string_agg(transaction::text, ',' ORDER BY transaction) FROM user_versions
        WHERE project_id = %(project)s AND user_id = %(user)s) AS version
FROM (SELECT 1) one LEFT JOIN policies p ON p.project_id = %(project)s
"""

ABOUT_USER = """
SELECT (SELECT min(expires_at) FROM memories WHERE project_id = %(project)s AND user_id = %(user)s
        AND expires_at > now()) AS next_expiry,
       (SELECT coalesce(sum(events), 0)::bigint FROM sessions
        WHERE project_id = %(project)s AND user_id = %(user)s) AS events,
       ARRAY(SELECT DISTINCT name FROM speakers WHERE project_id = %(project)s AND user_id = %(user)s) AS speakers,
       (SELECT coalesce(json_agg(json_build_array(subject, value, event_time, valid_to, extract(epoch FROM live_from),
                                                  utc_offset) ORDER BY live_from, id), '[]')
        FROM memories WHERE project_id = %(project)s AND user_id = %(user)s AND attribute = 'birthday'
        AND subject IS NOT NULL AND status = 'active' AND (expires_at IS NULL OR expires_at > %(now)s)) AS birthdays
"""

NOTHING_KNOWN: Mapping[UUID, "SeenTurn"] = MappingProxyType({})

# What an app attached to a turn takes no part in a recall, and parsing it would cost more than reading the rows.
COLUMNS = EVENT_COLUMNS.replace(" metadata,", " NULL AS metadata,")

TURNS = """
SELECT {columns}, e.xmin::text::bigint AS seen, v.sparse, v.sparse_window
FROM events e
LEFT JOIN (SELECT target_id, sparse, sparse_window FROM vectors WHERE model = %(model)s) v ON v.target_id = e.id
WHERE e.project_id = %(project)s AND e.user_id = %(user)s AND e.id = ANY (%(ids)s) AND {where}
"""
STILL_THERE = """
SELECT e.id, e.xmin::text::bigint AS seen FROM events e
WHERE e.project_id = %(project)s AND e.user_id = %(user)s AND e.id = ANY (%(ids)s) AND {where}
"""

# A turn that only supports statements that no longer hold; for `latest_only`.
OUTDATED = """
EXISTS (SELECT 1 FROM memory_sources s JOIN memories m ON m.id = s.memory_id WHERE s.event_id = e.id
        AND m.status IN ('superseded', 'invalidated', 'merged') AND m.type <> 'reflection'
        AND (%(as_of)s::timestamptz IS NULL OR m.live_until <= %(as_of)s))
AND NOT EXISTS (SELECT 1 FROM memory_sources s JOIN memories m ON m.id = s.memory_id WHERE s.event_id = e.id
                AND (m.status = 'active' OR m.live_until > %(as_of)s))
"""

NEIGHBOURS = """
SELECT n.*, h.id AS of FROM unnest(%(ids)s::uuid[]) AS h (id) JOIN events c ON c.id = h.id
CROSS JOIN LATERAL (
    (SELECT {columns} FROM events e
     WHERE e.project_id = c.project_id AND e.user_id = c.user_id AND e.session_id = c.session_id
       AND (e.occurred_at, e.seq) < (c.occurred_at, c.seq) AND {where} ORDER BY e.occurred_at DESC, e.seq DESC LIMIT 1)
    UNION ALL
    (SELECT {columns} FROM events e
     WHERE e.project_id = c.project_id AND e.user_id = c.user_id AND e.session_id = c.session_id
       AND (e.occurred_at, e.seq) > (c.occurred_at, c.seq) AND {where} ORDER BY e.occurred_at, e.seq LIMIT 1)) n
"""


@dataclass(frozen=True, slots=True)
class StateOfUser:
    """The policy, and what tells whether anything has changed since. `version` is another one after every change of
    what the user has.
    """

    policy: Policy
    policy_version: str
    version: str


@dataclass(frozen=True, slots=True)
class AboutUser:
    """What a recall needs to know before it searches. `events` counts all turns of the user."""

    events: int
    speakers: tuple[str, ...]
    next_expiry: datetime | None = None
    birthdays: tuple[Birthday, ...] = ()


@dataclass(frozen=True, slots=True)
class SeenTurn:
    """A turn as it was read: `seen` is the transaction that wrote its row, another one after every change of it."""

    unit: Unit
    seen: int


@dataclass(frozen=True, slots=True)
class PendingRow:
    """A turn that the pipeline has not finished with, and its vectors as far as they exist."""

    event: Event
    dense: bytes | None
    sparse: bytes | None


def state_of_user(conn: Connection, scope: UserScope) -> StateOfUser:
    """Policy and version in one round trip."""
    row = conn.execute(STATE_OF_USER, {"project": scope.project_id, "user": scope.user_id}).fetchone() or {}
    policy = _policy(row["policy"]) if row.get("policy") else DEFAULT
    return StateOfUser(policy, row.get("policy_version") or "", row.get("version") or "")


@lru_cache(maxsize=256)
def _policy(body: str) -> Policy:
    return load_policy(json.loads(body))


def about_user(conn: Connection, scope: UserScope, now: datetime) -> AboutUser:
    """Size, speakers and birthdays in one round trip."""
    values = {"project": scope.project_id, "user": scope.user_id, "now": now}
    row = conn.execute(ABOUT_USER, values).fetchone() or {}
    known = (_birthday(*entry) for entry in row.get("birthdays") or ())
    return AboutUser(
        int(row.get("events") or 0),
        tuple(row.get("speakers") or ()),
        row.get("next_expiry"),
        tuple(birthday for birthday in known if birthday is not None),
    )


def _birthday(  # noqa: PLR0913, PLR0917 - the columns of a row
    subject: str, value: str | None, event_time: str | None, valid_to: str | None, epoch: float, offset: int
) -> Birthday | None:
    known = datetime.fromtimestamp(float(epoch), timezone(timedelta(seconds=offset)))
    when, until = (CalendarDate.parse(text) if text else None for text in (event_time, valid_to))
    return birthday_of(subject, value, when, until, known)


def narrow(narrowing: Narrowing, *, point_of_view_only: bool = False) -> tuple[str, dict[str, Any]]:
    """Conditions over events `e`. The point of view alone (as_of, known_at) holds for tails and neighbours."""
    conditions: dict[str, object] = {
        "e.occurred_at <= %(as_of)s": narrowing.as_of,
        "e.created_at <= %(known_at)s": narrowing.known_at,
    }
    if not point_of_view_only:
        conditions |= {
            "e.session_id = %(session)s": narrowing.session_id,
            "e.agent_id = %(agent)s": narrowing.agent_id,
            "e.occurred_at >= %(from)s": narrowing.occurred_from,
            "e.occurred_at < %(to)s": narrowing.occurred_to,
            f"NOT ({OUTDATED})": narrowing.latest_only or None,
        }
    values = {
        "as_of": narrowing.as_of,
        "known_at": narrowing.known_at,
        "session": narrowing.session_id,
        "agent": narrowing.agent_id,
        "from": narrowing.occurred_from,
        "to": narrowing.occurred_to,
    }
    return " AND ".join(["true", *(sql for sql, value in conditions.items() if value is not None)]), values


def pending(
    conn: Connection, scope: UserScope, narrowing: Narrowing, *, model: str, limit: int
) -> tuple[list[PendingRow], int]:
    """The newest pending or failed turns with their vectors, and how many there are in all."""
    where, values = narrow(narrowing)
    scoped = "e.project_id = %(project)s AND e.user_id = %(user)s"
    open_ = f"FROM events e WHERE {scoped} AND e.state <> 'processed' AND {where}"
    values |= {"project": scope.project_id, "user": scope.user_id, "model": model, "limit": limit}
    rows = conn.execute(
        f"SELECT p.*, v.dense, v.sparse FROM (SELECT {COLUMNS} {open_} ORDER BY e.seq DESC LIMIT %(limit)s) p"
        " LEFT JOIN vectors v ON v.target_id = p.id AND v.model = %(model)s ORDER BY p.seq",
        values,
    ).fetchall()
    total = len(rows)
    if total == limit:
        counted = conn.execute(f"SELECT count(*) AS n {open_}", values).fetchone()
        total = counted["n"] if counted else total
    return [PendingRow(to_event(row), row["dense"], row["sparse"]) for row in rows], total


def turns(  # noqa: PLR0913 - whose, from which view, which of them
    conn: Connection,
    scope: UserScope,
    narrowing: Narrowing,
    ids: Sequence[UUID],
    *,
    model: str,
    known: Mapping[UUID, SeenTurn] = NOTHING_KNOWN,
) -> dict[UUID, SeenTurn]:
    """Those of the turns that exist and satisfy the narrowing, with their words. One of `known` is not read again where
    its row is the same still.
    """
    if not ids:
        return {}
    where, values = narrow(narrowing)
    values |= {"model": model, "project": scope.project_id, "user": scope.user_id}
    found, wanted = {}, list(ids)
    if known:
        there = conn.execute(STILL_THERE.format(where=where), values | {"ids": list(known)}).fetchall()
        found = {row["id"]: known[row["id"]] for row in there if row["seen"] == known[row["id"]].seen}
        changed = {row["id"] for row in there} - found.keys()
        wanted = [id_ for id_ in ids if id_ not in known or id_ in changed]
    if wanted:
        rows = conn.execute(TURNS.format(columns=COLUMNS, where=where), values | {"ids": wanted})
        found |= {row["id"]: _seen_turn(row) for row in rows}
    return found


def _seen_turn(row: Row) -> SeenTurn:
    return SeenTurn(turn_unit(to_event(row), Terms(row["sparse"], row["sparse_window"])), row["seen"])


def history(conn: Connection, scope: UserScope, narrowing: Narrowing, *, limit: int) -> list[Unit]:
    """All turns in the order in which they were said, up to `limit`."""
    where, values = narrow(narrowing)
    return _events(conn, scope, f"{where} ORDER BY e.occurred_at, e.seq LIMIT %(limit)s", values | {"limit": limit})


def tail(conn: Connection, scope: UserScope, narrowing: Narrowing, session_id: str, *, limit: int) -> list[Unit]:
    """The last turns of a session, in the order in which they were said."""
    where, values = narrow(narrowing, point_of_view_only=True)
    condition = f"{where} AND e.session_id = %(tail)s ORDER BY e.occurred_at DESC, e.seq DESC LIMIT %(limit)s"
    return _events(conn, scope, condition, values | {"tail": session_id, "limit": limit})[::-1]


def neighbours(conn: Connection, scope: UserScope, narrowing: Narrowing, ids: Sequence[UUID]) -> dict[UUID, list[Unit]]:
    """For each turn the one before and the one after it in its session."""
    found: dict[UUID, list[Unit]] = {id_: [] for id_ in ids}
    if not ids:
        return found
    where, values = narrow(narrowing, point_of_view_only=True)
    scoped = f"{where} AND e.project_id = %(project)s AND e.user_id = %(user)s"
    values |= {"ids": list(ids), "project": scope.project_id, "user": scope.user_id}
    for row in conn.execute(NEIGHBOURS.format(columns=COLUMNS, where=scoped), values).fetchall():
        found[row["of"]].append(turn_unit(to_event(row)))
    return found


def _events(conn: Connection, scope: UserScope, condition: str, values: dict[str, Any]) -> list[Unit]:
    rows: list[Row] = conn.execute(
        f"SELECT {COLUMNS} FROM events e WHERE e.project_id = %(project)s AND e.user_id = %(user)s AND {condition}",
        values | {"project": scope.project_id, "user": scope.user_id},
    ).fetchall()
    return [turn_unit(to_event(row)) for row in rows]
