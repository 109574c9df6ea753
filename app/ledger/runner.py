"""The base of every task: claims a unit, runs its stage under a lease and a deadline, and answers for what happens.

Used by the workers and by the gateway's index thread. This is the one place where any error of a stage is caught.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Event

import structlog

from app.context import ProcessContext
from app.domain.work import WorkItem
from app.errors import LeaseLostError
from app.index.protocol import IndexUnavailableError
from app.inference.protocol import EncoderUnavailableError
from app.ledger.lease import Heartbeats, Lease
from app.storage import event_stages, work
from app.storage.failures import TRANSIENT, is_transient
from app.storage.tombstones import ErasedMeanwhileError
from app.telemetry.logs import describe
from app.telemetry.operations import STAGES

LEASE_SECONDS = 60.0
EMBEDDED_LEASE_SECONDS = 15.0  # there a killed worker is back within a second, and would wait for its own old lease
GIVE_BACK_PAUSES = (0.0, 0.5, 1.0, 2.0, 4.0)  # a crashed PostgreSQL is back after 1.4-2.6 s

StageFunction = Callable[[ProcessContext, WorkItem, Lease], None]


@dataclass(frozen=True, slots=True)
class Stage:
    """What runs a kind of work, and how many seconds one run may take."""

    run: StageFunction
    deadline: float = 120.0


class Runner:
    """Runs units of the given kinds, one at a time for each calling thread. Thread-safe."""

    def __init__(
        self, context: ProcessContext, stages: Mapping[str, Stage], *, lease_seconds: float | None = None
    ) -> None:
        self._context = context
        self._stages = stages
        default = LEASE_SECONDS if context.settings.qdrant_url else EMBEDDED_LEASE_SECONDS
        self._lease_seconds = lease_seconds or default
        self._heartbeats = Heartbeats(context.db, self._lease_seconds)
        self.stopping = Event()

    @property
    def kinds(self) -> tuple[str, ...]:
        """What this process works on."""
        return tuple(self._stages)

    def start(self) -> None:
        """Start renewing leases."""
        self._heartbeats.start()

    def stop(self) -> None:
        """Take nothing new; what runs may finish."""
        self.stopping.set()
        self._heartbeats.stop()

    def drain(self, until: float, *, first: Sequence[str] = ()) -> int:
        """Run what is due, `first` kinds before the others, until nothing is or time.monotonic() passes `until`."""
        done = 0
        while time.monotonic() < until and not self.stopping.is_set():
            if not (first and self.run_one(first)) and not self.run_one(self.kinds):
                break
            done += 1
        return done

    def run_one(self, kinds: Sequence[str]) -> bool:
        """Claim and run one unit; False when nothing was due."""
        with self._context.db.transaction(None) as conn:
            items = work.claim(conn, kinds, 1, self._lease_seconds)
        for item in items:
            with structlog.contextvars.bound_contextvars(
                work_id=str(item.id), work_kind=item.kind, project_id=str(item.project_id), attempt=item.attempts
            ):
                self._run(item)
        return bool(items)

    def attempt(self, name: str, run: Callable[[], object]) -> bool:
        """Run one piece of maintenance; an error of it is logged and counted, its next run is in the schedule."""
        with structlog.contextvars.bound_contextvars(schedule=name):
            try:
                run()
            except Exception as error:  # noqa: BLE001 - as for stages
                self._context.metrics.schedules.labels(name, "failed").inc()
                self._context.logger.warning("maintenance_failed", **describe(error))
                return False
            self._context.metrics.schedules.labels(name, "done").inc()
            return True

    def _run(self, item: WorkItem) -> None:
        stage = self._stages[item.kind]
        started = time.monotonic()
        lease = Lease(item, started + stage.deadline, self._lease_seconds)
        self._heartbeats.add(lease)
        outcome = "failed"
        try:
            if item.attempts > work.MAX_CLAIMS:
                self._kill(item)
            else:
                stage.run(self._context, item, lease)
                outcome = "done"
        except LeaseLostError:
            outcome = "lost"
            self._context.metrics.leases_lost.labels(item.kind).inc()
            self._context.logger.warning("lease_lost")
        except Exception as error:  # noqa: BLE001 - the task base answers for every stage
            outcome = "waiting" if is_operational(error) else "failed"
            self._context.logger.warning("stage_failed", outcome=outcome, **describe(error))
            self._give_back(item, error)
        finally:
            self._heartbeats.remove(lease)
            seconds = time.monotonic() - started
            self._context.metrics.stage_seconds.labels(item.kind, outcome).observe(seconds)
        if outcome == "done":
            self._context.metrics.operated(STAGES.get(item.kind), seconds)
            self._context.logger.debug("stage_done", seconds=round(seconds, 3))

    def _give_back(self, item: WorkItem, error: Exception) -> None:
        """Return the unit with a backoff, waiting for a database that recovers; else its lease runs out."""
        operational = is_operational(error)
        text = f"{type(error).__name__}: {describe(error)['error']}"
        for pause in GIVE_BACK_PAUSES:
            if self.stopping.wait(pause):
                return
            try:
                with self._context.db.transaction(item.scope) as conn:
                    dead = work.fail(conn, item, text, operational=operational, job_id=self._context.new_id())
                    if dead:
                        event_stages.mark_failed(conn, item)
            except LeaseLostError:
                return
            except TRANSIENT:
                continue
            else:
                if dead:
                    self._context.logger.error("work_dead", error=text)
                return

    def _kill(self, item: WorkItem) -> None:
        text = f"taken {item.attempts} times and never brought back: it may be killing its worker"
        with self._context.db.transaction(item.scope) as conn:
            work.kill(conn, item, text, job_id=self._context.new_id())
            event_stages.mark_failed(conn, item)
        self._context.logger.error("work_dead", error=text)


def is_operational(error: Exception) -> bool:
    """Whether the fault is of a store or a model that will come back, or of an erasure that came first, and not of the
    unit of work.
    """
    return is_transient(error) or isinstance(
        error, IndexUnavailableError | EncoderUnavailableError | ErasedMeanwhileError
    )
