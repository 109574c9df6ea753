"""Stopping a process of our own: ask, wait, then insist."""

import signal
import subprocess
from collections.abc import Sequence


def stop(process: subprocess.Popen[bytes], *asks: tuple[signal.Signals, float]) -> None:
    """Send each signal and wait its seconds for the end; SIGKILL when none was heard."""
    for number, seconds in asks:
        if process.poll() is not None:
            return
        process.send_signal(number)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            continue
        return
    if process.poll() is None:
        process.kill()
        process.wait()


POSTGRES: Sequence[tuple[signal.Signals, float]] = (
    (signal.SIGINT, 4.0),  # fast shutdown: ends sessions, writes a checkpoint
    (signal.SIGQUIT, 1.0),  # immediate: recovers from its log at the next start
)
VALKEY: Sequence[tuple[signal.Signals, float]] = ((signal.SIGTERM, 1.5),)
PYTHON: Sequence[tuple[signal.Signals, float]] = ((signal.SIGTERM, 4.0),)
