"""Measures the health of memories: of a user after tidying and once a day, of a project every ten
minutes for the metrics.
"""

from app.context import ProcessContext
from app.domain.scope import ProjectScope, UserScope
from app.services import health
from app.storage.health import count_project as count


def measure_user(context: ProcessContext, scope: UserScope, *, always: bool = False) -> None:
    """Measure one user and keep the numbers; a user with many memories at most every ten minutes, unless `always`."""
    now = context.clock()
    with context.db.transaction(scope) as conn:
        found = health.read(conn, scope, model=context.encoder.fingerprint, now=now, always=always)
    if found is None:
        return
    measured = health.judge(*found, now)
    with context.db.transaction(scope) as conn:
        health.keep(conn, scope, measured)


def count_project(context: ProcessContext, scope: ProjectScope) -> None:
    """Count one project's memories for the metrics."""
    with context.db.transaction(scope) as conn:
        count(conn, scope, context.clock())
