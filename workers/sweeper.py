"""The sweeper: looks at the ledger by itself every two seconds, sooner when a unit is due sooner. With Redis gone it
carries all the work; with Redis there it finds what no hint announces (debounced units, backoffs, lost leases).
"""

import threading
from collections.abc import Callable

from app.context import ProcessContext
from app.storage import work
from app.storage.failures import TRANSIENT
from app.telemetry.logs import describe
from workers.task import Desk

LONGEST_WAIT = 2.0  # seconds; without Redis this is the most that new work waits
BUSY_WAIT = 0.05  # due, but all places are taken
BROKEN_WAIT = 1.0  # the database does not answer


class Sweeper:
    """One thread beside Celery. `poke` makes it compute anew when the next unit is due."""

    def __init__(self, context: ProcessContext, kinds: tuple[str, ...], maintain: Callable[[], object]) -> None:
        self._context = context
        self._kinds = kinds
        self._maintain = maintain
        self._desk: Desk | None = None
        self._stopping = False
        self._poked = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sweeper", daemon=True)

    def start(self, desk: Desk) -> None:
        """Begin to look."""
        self._desk = desk
        self._thread.start()

    def poke(self) -> None:
        """Look again now."""
        self._poked.set()

    def stop(self) -> None:
        """Look no more; a stage that runs here is not waited for."""
        self._stopping = True
        self._poked.set()

    def _run(self) -> None:
        while not self._stopping:
            self._poked.clear()
            self._poked.wait(self._sweep())

    def _sweep(self) -> float:
        """One look; returns how long to wait before the next."""
        if self._desk is None:
            return LONGEST_WAIT
        try:
            with self._context.db.transaction(None) as conn:
                due = min(work.due_in(conn, self._kinds).values(), default=LONGEST_WAIT)
            if due > 0:
                self._maintain()
                return min(due, LONGEST_WAIT)
        except TRANSIENT as error:
            self._context.logger.warning("sweep_failed", **describe(error))
            return BROKEN_WAIT
        return 0.0 if self._desk.look() else BUSY_WAIT
