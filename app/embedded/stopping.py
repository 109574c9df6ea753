"""Stopping processes of our own: ask, wait, then insist. The times add up to less than 10 s for the whole stack."""

import signal
import subprocess
import time
from collections.abc import Iterable, Sequence

Asks = Sequence[tuple[signal.Signals, float]]

PYTHON: Asks = ((signal.SIGTERM, 5.0),)  # gateway and worker, at the same time
VALKEY: Asks = ((signal.SIGTERM, 0.8),)
POSTGRES: Asks = (
    (signal.SIGINT, 3.0),  # fast shutdown: ends sessions, writes a checkpoint
    (signal.SIGQUIT, 0.5),  # immediate: recovers from its log at the next start
)


def stop(process: subprocess.Popen[bytes], *asks: tuple[signal.Signals, float]) -> None:
    """Send each signal and wait its seconds for the end; SIGKILL when none was heard."""
    stop_together([process], asks)


def stop_together(processes: Iterable[subprocess.Popen[bytes]], asks: Asks) -> None:
    """The same for several at once."""
    alive = [p for p in processes if p.poll() is None]
    for number, seconds in asks:
        for process in alive:
            process.send_signal(number)
        until = time.monotonic() + seconds
        while alive and time.monotonic() < until:
            time.sleep(0.01)
            alive = [p for p in alive if p.poll() is None]
    for process in alive:
        process.kill()
        process.wait()
