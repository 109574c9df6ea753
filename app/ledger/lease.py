"""The lease on a unit of work: kept alive by a small thread while a stage runs, asked by it before it writes."""

import threading
import time

from app.domain.work import WorkItem
from app.errors import LeaseLostError, MnemeError
from app.storage import work
from app.storage.db import Database
from app.storage.failures import TRANSIENT


class StageDeadlineError(MnemeError):
    """A stage took longer than its kind may; it counts as a failure of its own making."""

    code = "stage_deadline"


class Lease:
    """One claimed unit while it runs. Thread pools know no time limits, so a stage calls `check` between its steps."""

    def __init__(self, item: WorkItem, deadline: float, seconds: float) -> None:
        self.item = item
        self.seconds = seconds
        self._deadline = deadline  # of time.monotonic()
        self._lost = threading.Event()

    def check(self) -> None:
        """Raise LeaseLostError or StageDeadlineError when the stage must not go on."""
        if self._lost.is_set():
            raise LeaseLostError(f"the lease of {self.item.kind} work {self.item.id} was lost")
        if time.monotonic() > self._deadline:
            raise StageDeadlineError(f"{self.item.kind} work ran into its deadline")

    def lose(self) -> None:
        """Note that somebody else may hold the unit now."""
        self._lost.set()


class Heartbeats:
    """Renews every lease of this process at a third of its length. `start` once, `stop` at the end."""

    def __init__(self, database: Database, lease_seconds: float) -> None:
        self._database = database
        self._lease_seconds = lease_seconds
        self._leases: set[Lease] = set()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeats", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop it; leases that are still held run out by themselves."""
        self._stopping.set()
        self._thread.join(timeout=1)

    def add(self, lease: Lease) -> None:
        """Keep this lease alive from now on."""
        with self._lock:
            self._leases.add(lease)

    def remove(self, lease: Lease) -> None:
        """Leave this lease alone."""
        with self._lock:
            self._leases.discard(lease)

    def _run(self) -> None:
        while not self._stopping.wait(self._lease_seconds / 3):
            with self._lock:
                leases = list(self._leases)
            for lease in leases:
                self.beat(lease)

    def beat(self, lease: Lease) -> None:
        """Renew one lease. A database that is away for a moment may come back in time, so only a refusal loses it."""
        try:
            with self._database.transaction(lease.item.scope) as conn:
                work.heartbeat(conn, lease.item, self._lease_seconds)
        except LeaseLostError:
            lease.lose()
        except TRANSIENT:
            return
