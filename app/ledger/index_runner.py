"""The index thread of the embedded gateway: looks for index work ten times a second, and at once again after some.

It needs no hint: the query that finds nothing costs a third of a millisecond.
"""

import threading
import time

from app.context import ProcessContext
from app.domain.work import WorkKind
from app.index.protocol import IndexUnavailableError
from app.ledger import erasing, indexing, rebuild, upkeep
from app.ledger.runner import Runner, Stage
from app.services.collections import ensure_live
from app.storage.failures import TRANSIENT
from app.telemetry.logs import describe

IDLE_SECONDS = 0.1
BROKEN_SECONDS = 1.0
UPKEEP_SECONDS = 30.0  # between looks at the schedules
DRAIN_SECONDS = 5.0

BROKEN: tuple[type[Exception], ...] = (IndexUnavailableError, *TRANSIENT)

INDEX_STAGES = {
    WorkKind.INDEX.value: Stage(indexing.run),
    WorkKind.REINDEX.value: Stage(rebuild.run, deadline=6 * 3600.0),  # a rebuild of millions of points takes hours
    WorkKind.REWRITE.value: Stage(erasing.rewrite),
}


class IndexRunner:
    """One thread that does all writes to the in-process index. `start` it with the gateway, `stop` before closing."""

    def __init__(self, context: ProcessContext) -> None:
        self._context = context
        self._runner = Runner(context, INDEX_STAGES)
        self._thread = threading.Thread(target=self._run, name="index", daemon=True)
        self._next_upkeep = time.monotonic() + UPKEEP_SECONDS

    def start(self) -> None:
        """Begin."""
        self._runner.start()
        self._thread.start()

    def stop(self, timeout: float = 5.0) -> bool:
        """Take nothing new and wait for the running batch; False when it still runs."""
        self._runner.stop()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        self._check_files()
        while not self._runner.stopping.is_set():
            self._runner.stopping.wait(self._look())

    def _look(self) -> float:
        """One look; returns how long to rest."""
        try:
            if time.monotonic() >= self._next_upkeep:
                self._next_upkeep = time.monotonic() + UPKEEP_SECONDS
                upkeep.run_due(self._context, self._runner)
            self._runner.drain(time.monotonic() + DRAIN_SECONDS)
        except TRANSIENT as error:
            self._context.logger.warning("database_unavailable", **describe(error))
            return BROKEN_SECONDS
        return IDLE_SECONDS

    def _check_files(self) -> None:
        """Fill the live collection again when somebody removed its files (it is empty, and rows say otherwise)."""
        if self._context.index is None:
            return
        try:
            live = ensure_live(self._context.db, self._context.index, self._context.encoder)
            empty = self._context.index.count(live.name) == 0
        except BROKEN as error:
            self._context.logger.warning("index_unavailable_at_start", **describe(error))
            return
        if empty:
            self._runner.attempt("check_drift", lambda: upkeep.check_drift(self._context))
