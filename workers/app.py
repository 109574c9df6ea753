"""The worker and beat processes, started by the CLI. Celery runs on a thread; the ledger, the sweeper and the leases do
not depend on it, so a Redis that is away at the start or later delays nothing by more than two seconds.
"""

import os
import signal
import sys
import threading
from types import FrameType

from celery import Celery
from celery.worker import state as celery_state
from prometheus_client import start_http_server

from app.context import ProcessContext, beat_context, worker_context
from app.ledger import upkeep
from app.ledger.runner import Runner
from app.settings import Settings
from app.storage import schedules
from app.telemetry import scrape
from app.telemetry.threads import die_with_threads
from workers.config import celery_config
from workers.schedule import beat_service, beat_thread
from workers.stages import stages_for
from workers.sweeper import Sweeper
from workers.task import Desk, register_tasks

STOP_SECONDS = 6.0  # for what runs; the supervisor kills after 10, and a stage cut off there runs again
OVERDUE_SECONDS = 60.0  # a schedule that beat and Redis have not brought by then is run by the sweeper


def run_worker(settings: Settings, *, beat: bool = False) -> int:
    """Work until SIGTERM or SIGINT; with `beat` also be the beat. Returns the exit code."""
    context = worker_context(settings)
    stopping = stop_on_signals()
    die_with_threads(context.logger)
    if settings.worker_metrics_port is not None:
        start_http_server(settings.worker_metrics_port, settings.mneme_host, registry=context.metrics.registry)
    told = scrape.worker_socket()
    if told is not None:
        scrape.serve_text(told, context.metrics.render)
    try:
        return Worker(context, beat=beat).run(stopping)
    finally:
        context.close()


def run_beat(settings: Settings) -> int:
    """Say when schedules are due until SIGTERM or SIGINT. Returns the exit code."""
    database, hints, logger = beat_context(settings)
    stopping = stop_on_signals()
    service = beat_service(create_celery(settings), database, hints)
    threading.Thread(target=lambda: (stopping.wait(), service.stop()), name="beat-stop", daemon=True).start()
    logger.info("beat_started")
    service.start()
    hints.close()
    database.close()
    logger.info("beat_stopped")
    return 0


class Worker:
    """Everything that works in this process. Tests run one inside theirs."""

    def __init__(self, context: ProcessContext, *, beat: bool = False) -> None:
        self._context = context
        self._beat = beat
        self.runner = Runner(context, stages_for(context))
        self._sweeper = Sweeper(context, self.runner.kinds, self._maintain_overdue)
        self.desk = Desk(context, self.runner, self._sweeper.poke)
        self._celery_thread: threading.Thread | None = None

    def run(self, stopping: threading.Event) -> int:
        """Start, wait for `stopping`, stop."""
        self.start()
        self._context.logger.info("worker_started", kinds=list(self.runner.kinds), beat=self._beat)
        stopping.wait()
        clean = self.stop()
        self._context.logger.info("worker_stopped", clean=clean)
        if not clean:  # a stage is still busy on a thread that Python would wait for; its lease brings the work back
            sys.stderr.flush()
            os._exit(0)
        return 0

    def start(self) -> None:
        """Start all threads; returns at once."""
        with self._context.db.transaction(None) as conn:
            schedules.ensure(conn, upkeep.SCHEDULES)
        self.runner.start()
        self._sweeper.start(self.desk)
        if self._context.settings.redis_url is not None:
            celery = create_celery(self._context.settings)
            register_tasks(celery, self.desk, lambda: upkeep.run_due(self._context, self.runner))
            celery_state.should_stop = None
            self._celery_thread = threading.Thread(target=_consume, args=(celery,), name="celery", daemon=True)
            self._celery_thread.start()
            if self._beat:
                beat_thread(celery, self._context.db, self._context.hints).start()

    def stop(self) -> bool:
        """Take nothing new and wait a little for what runs; False when something still does."""
        self.runner.stop()
        self._sweeper.stop()
        if self._celery_thread is not None:
            celery_state.should_stop = 0
            self._celery_thread.join(timeout=STOP_SECONDS)
            if self._celery_thread.is_alive():
                return False
        return self.desk.idle(STOP_SECONDS / 2)

    def _maintain_overdue(self) -> None:
        upkeep.run_due(self._context, self.runner, overdue=OVERDUE_SECONDS)


def create_celery(settings: Settings) -> Celery:
    """The worker's Celery app; its tasks are registered by `register_tasks`."""
    celery = Celery("mneme", set_as_current=False)
    celery.conf.update(celery_config(settings))
    return celery


def _consume(celery: Celery) -> None:
    controller = celery.WorkController(
        app=celery,
        pool_cls="threads",
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        loglevel="WARNING",
    )
    controller.start()


def stop_on_signals() -> threading.Event:
    """An event that SIGTERM and SIGINT set."""
    stopping = threading.Event()

    def handle(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    signal.signal(signal.SIGTERM, handle)
    signal.signal(signal.SIGINT, handle)
    return stopping
