"""What a killed instance left behind: its servers and children are recognised and stopped before the next start.

Called by the supervisor while it holds the home's lock, so nothing found here belongs to a live instance.
"""

import os
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import psutil

from app.embedded.home import EmbeddedError, Home
from app.embedded.parent import VARIABLE

SERVERS = {
    "postgres": "pg",
    "valkey-server": "valkey",
    "redis-server": "valkey",
}  # executable: its directory in the home


def stop_leftovers(home: Home, report: Callable[[str], None]) -> None:
    """End every process of an earlier instance on this home, then remove the files that would stop a new one."""
    children = [p for p in psutil.process_iter() if _is_child(p, home)]
    if children:
        report(f"Ending {len(children)} process(es) that an earlier run left behind.")
        _end(children, [(signal.SIGTERM, 1.0)])
    _end([p for p in psutil.process_iter() if _serves(p, home.valkey)], [(signal.SIGTERM, 2.0)])
    stop_postgres(home)


def stop_postgres(home: Home) -> None:
    """End the postmaster and any backend on the home's data, so that its files and shared memory are free.

    A backend whose postmaster was killed ends by itself as a rule; one in the middle of a statement may not.
    """
    processes = [p for p in psutil.process_iter() if _serves(p, home.data)]
    has_postmaster = any(_is_postmaster(p) for p in processes)
    asks = [(signal.SIGINT, 5.0), (signal.SIGQUIT, 1.0)] if has_postmaster else [(signal.SIGQUIT, 0.5)]
    _end(processes, asks)
    for stale in (home.data / "postmaster.pid", *home.run.glob(".s.PGSQL.*")):
        stale.unlink(missing_ok=True)  # a new process may by now have the id that the file names


def _serves(process: psutil.Process, directory: Path) -> bool:
    """Whether this is one of our server programs at work in that directory (both servers change into their data)."""
    try:
        if process.pid == 0 or SERVERS.get(Path(process.exe().removesuffix(" (deleted)")).name) != directory.name:
            return False
        return Path(process.cwd()) == directory.resolve()
    except (psutil.Error, OSError):
        return False


def _is_postmaster(process: psutil.Process) -> bool:
    try:
        return "-D" in process.cmdline()  # backends rewrite their titles
    except psutil.Error:
        return False


def _is_child(process: psutil.Process, home: Home) -> bool:
    """Whether this is a gateway or worker of the home: its own environment says so."""
    try:
        if process.pid == os.getpid() or "app.cli" not in process.cmdline():
            return False
        environment = process.environ()
    except (psutil.Error, OSError):
        return False
    return VARIABLE in environment and Path(environment.get("MNEME_HOME", "/nowhere")) == home.path


def _is_alive(process: psutil.Process) -> bool:
    """A zombie is over: it holds nothing, and in a container nobody may ever collect it."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _end(processes: Iterable[psutil.Process], asks: list[tuple[signal.Signals, float]]) -> None:
    alive = list(processes)
    for number, seconds in [*asks, (signal.SIGKILL, 5.0)]:
        for process in alive:
            try:
                process.send_signal(number)
            except psutil.NoSuchProcess:
                continue
        until = time.monotonic() + seconds
        while (alive := [p for p in alive if _is_alive(p)]) and time.monotonic() < until:
            time.sleep(0.02)
        if not alive:
            return
    raise EmbeddedError(f"cannot end the leftover processes {sorted(p.pid for p in alive)}; end them by hand")
