"""One supervised process: how it is started and stopped, and when it may be started again after a crash."""

import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from app.embedded.home import EmbeddedError

FIRST_PAUSE = 0.2  # seconds before the first restart; doubles with every crash in a row
LONGEST_PAUSE = 5.0
SETTLED = 30.0  # seconds after which a process counts as sound again


@dataclass
class Part:
    """A child with its restart state. `start` also clears what a crash of it left (called again for each restart)."""

    name: str
    start: Callable[[], subprocess.Popen[bytes]]
    asks: Sequence[tuple[signal.Signals, float]]
    process: subprocess.Popen[bytes] | None = None
    crashes: int = 0
    _started: float = 0.0
    _restart_at: float | None = field(default=None)

    def run(self) -> None:
        """Start it now."""
        self._started = time.monotonic()
        self.process = self.start()
        self._restart_at = None

    def check(self, report: Callable[[str], None]) -> None:
        """Notice a crash and restart after a pause; called a few times a second."""
        now = time.monotonic()
        if self._restart_at is not None:
            if now >= self._restart_at:
                try:
                    self.run()
                except EmbeddedError as error:
                    self._plan(report, str(error))
            return
        if self.process is not None and self.process.poll() is not None:
            self._plan(report, _reason(self.process.returncode))

    def _plan(self, report: Callable[[str], None], reason: str) -> None:
        now = time.monotonic()
        self.crashes = 1 if now - self._started > SETTLED else self.crashes + 1
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(self.crashes - 1, 10))
        self._restart_at = now + pause
        report(f"{self.name} ended ({reason}); it starts again in {pause:.1f} s.")


def _reason(code: int) -> str:
    try:
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    except ValueError:
        return f"exit code {code}"
