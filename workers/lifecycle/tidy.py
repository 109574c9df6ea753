"""The tidy stage: what is derived from a user's memories, made anew a moment after these have changed.

Nothing but PostgreSQL is asked, so it is one transaction.
"""

from app.context import ProcessContext
from app.domain.work import WorkItem
from app.services.blocks import tidy
from app.storage import work


def run(context: ProcessContext, item: WorkItem) -> None:
    """Tidy up for one user."""
    with context.db.transaction(item.user) as conn:
        tidy(conn, item.user, model=context.encoder.fingerprint)
        work.complete(conn, item)
