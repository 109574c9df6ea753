"""What decay, use and the state of memories read and write. Changes of status go through `memory_states.move`; the
caller holds the user's lock for everything but a use.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from app.domain.decay import Kept
from app.domain.lifecycle import State
from app.domain.memory import Memory, MemoryStatus
from app.domain.scope import ProjectScope, UserScope
from app.storage import memory_edits, reflections
from app.storage.db import Connection
from app.storage.memories import ARCHIVED_BY_DECAY, NOW, to_memory

PUT_AWAY = ARCHIVED_BY_DECAY.format(m="m", condition="")
OF_USER = "m.project_id = %(project)s AND m.user_id = %(user)s"

KEPT = f"""
SELECT {NOW}, (SELECT count(*) FROM memory_sources s WHERE s.memory_id = m.id) AS events
FROM memories m WHERE {OF_USER} AND m.status = 'active' ORDER BY m.created_at, m.id
"""
USED = f"""
SELECT {NOW}, {PUT_AWAY} AND NOT m.frozen AS put_away,
       m.last_used_at > m.updated_at AS used_since
FROM memories m WHERE {OF_USER} AND m.id = ANY (%(ids)s) AND m.status <> 'erased' ORDER BY m.id
"""
# Sorted ids: two gateways that note the same memories take their locks in one order.
GROW = """
UPDATE memories m SET use_count = m.use_count + g.uses, stability = least(m.stability + g.stability, %(most)s),
    last_used_at = greatest(m.last_used_at, %(at)s)
FROM unnest(%(ids)s::uuid[], %(uses)s::real[], %(stability)s::real[]) AS g (id, uses, stability)
WHERE m.project_id = %(project)s AND m.user_id = %(user)s AND m.id = g.id
"""
# Memories that may be active again: no active one says the same, nor another value where there is one at a time, and of
# those with one text only the newest.
FREE = f"""
SELECT DISTINCT ON (m.text_hash) m.id FROM memories m
WHERE {OF_USER} AND m.id = ANY (%(ids)s) AND {PUT_AWAY} AND NOT m.frozen
  AND (m.expires_at IS NULL OR m.expires_at > %(at)s)
  AND NOT EXISTS (SELECT 1 FROM memories o WHERE o.project_id = m.project_id AND o.user_id = m.user_id
                  AND o.status = 'active' AND (o.text_hash = m.text_hash OR (m.single_valued AND o.single_valued
                       AND o.subject = m.subject AND o.attribute = m.attribute)))
ORDER BY m.text_hash, m.created_at DESC
"""
SET_STATE = """
UPDATE memories SET status = %(status)s, frozen = %(frozen)s, flagged = %(flagged)s, live_until = %(live_until)s,
    expires_at = %(expires_at)s, superseded_by = CASE WHEN %(status)s = 'active' THEN NULL ELSE superseded_by END,
    version = version + 1, updated_at = clock_timestamp()
WHERE id = %(id)s AND project_id = %(project)s AND user_id = %(user)s
"""


@dataclass(frozen=True, slots=True)
class Touched:
    """A memory that was used. `put_away`: a sweep had archived it; `used_since`: it was used since then."""

    memory: Memory
    put_away: bool
    used_since: bool


@dataclass(frozen=True, slots=True)
class Growth:
    """What a use adds to a memory."""

    memory_id: UUID
    uses: float
    stability: float


def users(conn: Connection, scope: ProjectScope, after: str, limit: int) -> list[str]:
    """Users with active memories, by id, those after `after`."""
    rows = conn.execute(
        "SELECT DISTINCT user_id FROM memories WHERE project_id = %s AND user_id > %s AND status = 'active'"
        " ORDER BY user_id LIMIT %s",
        (scope.project_id, after, limit),
    ).fetchall()
    return [row["user_id"] for row in rows]


def count_users(conn: Connection, scope: ProjectScope) -> int:
    """How many users have active memories."""
    row = conn.execute(
        "SELECT count(DISTINCT user_id) AS n FROM memories WHERE project_id = %s AND status = 'active'",
        (scope.project_id,),
    ).fetchone()
    return int(row["n"]) if row else 0


def kept(conn: Connection, scope: UserScope) -> list[Kept]:
    """All active memories of the user, without their sources but with their number."""
    rows = conn.execute(KEPT, _whose(scope)).fetchall()
    return [Kept(to_memory(row), row["events"]) for row in rows]


def expired(conn: Connection, scope: UserScope, now: datetime) -> list[UUID]:
    """Active memories whose time was over at `now`."""
    rows = conn.execute(
        f"SELECT m.id FROM memories m WHERE {OF_USER} AND m.status = 'active' AND m.expires_at <= %(now)s",
        _whose(scope) | {"now": now},
    ).fetchall()
    return [row["id"] for row in rows]


def touched(conn: Connection, scope: UserScope, memory_ids: Sequence[UUID]) -> list[Touched]:
    """These memories as a use meets them."""
    rows = conn.execute(USED, _whose(scope) | {"ids": list(memory_ids)}).fetchall()
    return [Touched(to_memory(row), row["put_away"], bool(row["used_since"])) for row in rows]


def grow(conn: Connection, scope: UserScope, growths: Sequence[Growth], most: float, at: datetime) -> None:
    """Count uses; versions stay, so nothing is indexed again and cached answers to exact repeats stay."""
    ordered = sorted(growths, key=lambda growth: growth.memory_id)
    values = {
        "ids": [growth.memory_id for growth in ordered],
        "uses": [growth.uses for growth in ordered],
        "stability": [growth.stability for growth in ordered],
        "most": most,
        "at": at,
    }
    conn.execute(GROW, _whose(scope) | values)


def free_to_return(conn: Connection, scope: UserScope, memory_ids: Sequence[UUID], at: datetime) -> list[UUID]:
    """Those that a sweep archived and that may be active again."""
    rows = conn.execute(FREE, _whose(scope) | {"ids": list(memory_ids), "at": at}).fetchall()
    return [row["id"] for row in rows]


def put_away_saying(conn: Connection, scope: UserScope, hashes: Sequence[bytes]) -> list[UUID]:
    """Memories that a sweep archived whose normalised text is one of these; none that an app or a person put away."""
    rows = conn.execute(
        f"SELECT m.id FROM memories m WHERE {OF_USER} AND m.text_hash = ANY (%(hashes)s) AND {PUT_AWAY}",
        _whose(scope) | {"hashes": list(hashes)},
    ).fetchall()
    return [row["id"] for row in rows]


def set_layer(conn: Connection, scope: UserScope, memory_ids: Sequence[UUID], layer: int, at: datetime) -> None:
    """Move these into a layer; like a use it makes no version."""
    conn.execute(
        "UPDATE memories m SET layer = %(layer)s, layered_at = %(at)s"
        f" WHERE {OF_USER} AND m.id = ANY (%(ids)s) AND m.status = 'active'",
        _whose(scope) | {"layer": layer, "at": at, "ids": list(memory_ids)},
    )


def weaken(conn: Connection, scope: UserScope, memory_id: UUID, factor: float) -> None:
    """A memory was called wrong; `factor` is what it keeps of its stability."""
    conn.execute(
        f"UPDATE memories m SET stability = stability * %(factor)s WHERE {OF_USER} AND m.id = %(id)s",
        _whose(scope) | {"factor": factor, "id": memory_id},
    )


def set_state(conn: Connection, scope: UserScope, memory_id: UUID, state: State, why: tuple[str, str]) -> None:
    """A new version in this state; the one before ends now. `why`: the reason and who gave it."""
    reason, actor = why
    values = {
        "id": memory_id,
        "status": state.status.value,
        "frozen": state.frozen,
        "flagged": state.flagged,
        "live_until": state.live_until,
        "expires_at": state.expires_at,
    }
    conn.execute(SET_STATE, _whose(scope) | values)
    memory_edits.close_version(conn, scope, memory_id)
    conn.execute(memory_edits.RECORD, _whose(scope) | values | {"change": "state", "reason": reason, "actor": actor})
    if state.status is MemoryStatus.INVALIDATED:
        reflections.withdraw(conn, scope)


def _whose(scope: UserScope) -> dict[str, Any]:
    return {"project": scope.project_id, "user": scope.user_id}
