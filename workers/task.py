"""The two Celery tasks. Both mean "look at the rows": `mneme.work` at the ledger, `mneme.maintain` at the schedules."""

import threading
import time
from collections.abc import Callable

import structlog
from celery import Celery

from app.context import ProcessContext
from app.ledger.runner import Runner
from app.queue import MAINTAIN_TASK, WORK_TASK
from app.storage.failures import TRANSIENT
from app.telemetry.logs import describe

DRAIN_SECONDS = 20.0  # one look; what is left then is found by the sweeper at once


class Desk:
    """Where Celery's threads and the sweeper take work: at most `worker_concurrency` of them run stages at a time."""

    def __init__(self, context: ProcessContext, runner: Runner, poke: Callable[[], None]) -> None:
        self._context = context
        self._runner = runner
        self._poke = poke
        self._places = threading.BoundedSemaphore(context.settings.worker_concurrency)

    def look(self, kind: str = "") -> int | None:
        """Run what is due, units of `kind` first; returns how many ran, or None when all places are taken."""
        if not self._places.acquire(blocking=False):
            return None  # whoever works there looks again before leaving, and the sweeper after that
        try:
            first = (kind,) if kind in self._runner.kinds else ()
            return self._runner.drain(time.monotonic() + DRAIN_SECONDS, first=first)
        except TRANSIENT as error:
            self._context.logger.warning("database_unavailable", **describe(error))
            return 0
        finally:
            self._places.release()

    def idle(self, timeout: float) -> bool:
        """Wait until nothing runs; False when something still does after `timeout` seconds."""
        until = time.monotonic() + timeout
        places = self._context.settings.worker_concurrency
        return all(self._places.acquire(timeout=max(0.0, until - time.monotonic())) for _ in range(places))

    def hinted(self, kind: str) -> None:
        """A hint came: look, and let the sweeper find out when the next unit is due."""
        self.look(kind)
        self._poke()


def register_tasks(celery: Celery, desk: Desk, maintain: Callable[[], object]) -> None:
    """Give the two tasks their names on this Celery app."""

    @celery.task(name=WORK_TASK, bind=True)  # type: ignore[untyped-decorator] # celery has no types
    def work(self: object, kind: str) -> None:
        with structlog.contextvars.bound_contextvars(task_id=_task_id(self)):
            desk.hinted(kind)

    @celery.task(name=MAINTAIN_TASK, bind=True)  # type: ignore[untyped-decorator]
    def run_schedules(self: object) -> None:
        with structlog.contextvars.bound_contextvars(task_id=_task_id(self)):
            maintain()


def _task_id(task: object) -> str | None:
    request = getattr(task, "request", None)
    return getattr(request, "id", None)
