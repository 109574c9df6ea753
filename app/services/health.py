"""The health of a user's memories: read for a measurement, and kept."""

from datetime import datetime, timedelta

from app.domain.health import Health, assess
from app.domain.policy_lifecycle import RetentionPolicy
from app.domain.scope import UserScope
from app.services.policy import effective
from app.storage import changes, health
from app.storage.db import Connection
from app.storage.health import Measured

MOST_MEMORIES = 3_000  # of a user: the newest, as in tidying
FEW = 500  # active memories that are measured after every change: 3 ms of arithmetic
PAUSE = timedelta(minutes=10)  # between measurements of a user with more


def read(
    conn: Connection, scope: UserScope, *, model: str, now: datetime, always: bool
) -> tuple[Measured, RetentionPolicy] | None:
    """What to measure; None when a user with many memories was measured a moment ago, unless `always`."""
    last = health.last(conn, scope)
    if not always and last is not None and last.active > FEW and now - last.measured_at < PAUSE:
        return None
    return health.read(conn, scope, model, now=now, limit=MOST_MEMORIES), effective(conn, scope).retention


def judge(found: Measured, policy: RetentionPolicy, now: datetime) -> Health:
    """The health of what was read. Computes for up to a tenth of a second: outside of any transaction."""
    return assess(found.memories, active=found.active, growth=found.growth, policy=policy, now=now)


def keep(conn: Connection, scope: UserScope, measured: Health) -> None:
    """Keep it. Under the user's lock, so that no erasure ends between the look for memories and the row."""
    changes.lock_user(conn, scope)
    health.write(conn, scope, measured)
