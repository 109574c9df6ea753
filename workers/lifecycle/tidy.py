"""The tidy stage: what is derived from a user's memories, made anew a moment after these have changed.

Nothing but PostgreSQL is asked, so it is one transaction; what has to be embedded is left to `evolve`. Afterwards the
health of what is there now is measured; what a kill leaves out there is measured within a day.
"""

from app.context import ProcessContext
from app.domain.work import WorkItem, WorkKind
from app.ledger.health import measure_user
from app.services.blocks import tidy
from app.services.policy import effective
from app.storage import notes, work


def run(context: ProcessContext, item: WorkItem) -> None:
    """Tidy up for one user."""
    with context.db.transaction(item.user) as conn:
        tidy(conn, item.user, model=context.encoder.fingerprint)
        noted = effective(conn, item.user).notes.keywords > 0 or notes.exist(conn, item.user)
        work.complete(conn, item)
        if noted:
            work.enqueue(conn, item.user, WorkKind.EVOLVE)
    measure_user(context, item.user)
