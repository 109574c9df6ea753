"""Beat: says when a schedule is due. The rows decide who runs it: many beats are harmless, none keeps a file."""

import time
from typing import Any

from celery import Celery
from celery.beat import EmbeddedService, Scheduler, Service

from app.queue import HintSender
from app.storage import schedules
from app.storage.db import Database
from app.storage.failures import TRANSIENT

LONGEST_TICK = 1.0  # seconds; also how long stopping may take
HINT_EVERY = 5.0  # seconds between hints while a run is due and nobody has taken it


class RowScheduler(Scheduler):  # type: ignore[misc] # celery has no types
    """Celery's scheduler over the rows of `schedules`: it sends hints and keeps nothing."""

    def __init__(self, *args: Any, database: Database, hints: HintSender, **kwargs: Any) -> None:
        self._database = database
        self._hints = hints
        self._hinted_at = 0.0
        super().__init__(*args, **kwargs)

    def setup_schedule(self) -> None:
        """The rows are there: workers make them."""

    def tick(self, *_args: Any, **_kwargs: Any) -> float:
        """Send a hint when something is due; returns the seconds until the next look."""
        try:
            with self._database.transaction(None) as conn:
                due = schedules.next_in(conn)
        except TRANSIENT:
            return LONGEST_TICK
        if due is not None and due <= 0 and time.monotonic() - self._hinted_at > HINT_EVERY:
            self._hinted_at = time.monotonic()
            self._hints.maintain()
        return LONGEST_TICK if due is None else max(0.1, min(due, LONGEST_TICK))


def _scheduler(database: Database, hints: HintSender) -> Any:
    def make(**kwargs: Any) -> RowScheduler:
        return RowScheduler(**kwargs, database=database, hints=hints)

    return make


def beat_service(celery: Celery, database: Database, hints: HintSender) -> Any:
    """Beat for a process of its own: `start()` blocks until `stop()`."""
    return Service(celery, max_interval=LONGEST_TICK, scheduler_cls=_scheduler(database, hints), remote_control=False)


def beat_thread(celery: Celery, database: Database, hints: HintSender) -> Any:
    """Beat as a daemon thread of a worker: `start()` returns at once."""
    return EmbeddedService(celery, thread=True, scheduler_cls=_scheduler(database, hints))
