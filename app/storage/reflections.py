"""Reflections that sleep derived and whose members have ended: what rests on something untrue is not served until the
next sleep has made it anew of what remains. Called where memories end, and by tidying for what ends otherwise.
"""

from uuid import UUID

from app.domain.memory import MemoryStatus
from app.domain.scope import UserScope
from app.domain.sleep import RECURRING
from app.storage import memory_states
from app.storage.db import Connection
from app.storage.memory_states import Move

ENDED = "members_ended"  # the reason of a version that withdraws a reflection, and of the links to what has ended
ACTOR = "pipeline"

# What was archived or merged is as true as before; what was called private is not to be told on.
RESTING = """
SELECT DISTINCT m.id FROM memories m JOIN links l ON l.from_id = m.id AND l.type = 'derived_from'
JOIN memories o ON o.id = l.to_id AND (o.status IN ('superseded', 'invalidated', 'quarantined') OR o.id = %(reworded)s
    OR (o.status = 'archived' AND EXISTS (SELECT 1 FROM feedback f WHERE f.memory_id = o.id AND f.signal = 'private')))
WHERE m.project_id = %(project)s AND m.user_id = %(user)s AND m.type = 'reflection' AND m.attribute = %(recurring)s
  AND m.status = 'active' AND NOT m.frozen AND l.reason IS DISTINCT FROM %(ended)s ORDER BY m.id
"""


def withdraw(conn: Connection, scope: UserScope, *, reworded: UUID | None = None) -> list[UUID]:
    """Invalidate the reflections of which a member was superseded, invalidated or called private since they were
    written, or is `reworded` now, but for frozen ones; returns them. The caller holds the user's lock and enqueues
    index work.
    """
    whose = {"project": scope.project_id, "user": scope.user_id, "recurring": RECURRING, "ended": ENDED}
    whose["reworded"] = reworded
    rows = conn.execute(RESTING, whose).fetchall()
    what = Move(MemoryStatus.INVALIDATED, "invalidate", ENDED, ACTOR)
    return memory_states.move(conn, scope, [row["id"] for row in rows], what) if rows else []
