"""What a killed instance left behind: its servers and children are recognised and stopped before the next start.

Called by the supervisor while it holds the home's lock, so nothing found here belongs to a live instance.
"""

import os
import signal
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
    stop_server(home.valkey, [(signal.SIGTERM, 2.0)])
    stop_postgres(home)


def stop_postgres(home: Home) -> None:
    """End the postmaster and any backend on the home's data, so that its files and shared memory are free.

    A backend whose postmaster was killed ends by itself as a rule; one in the middle of a statement may not.
    """
    stop_server(home.data, [(signal.SIGINT, 5.0), (signal.SIGQUIT, 2.0)])
    for stale in (home.data / "postmaster.pid", *home.run.glob(".s.PGSQL.*")):
        stale.unlink(missing_ok=True)  # a new process may by now have the id that the file names


def stop_server(directory: Path, asks: list[tuple[signal.Signals, float]]) -> None:
    """End every server process that works in `directory`."""
    _end([p for p in psutil.process_iter() if _serves(p, directory)], asks)


def _serves(process: psutil.Process, directory: Path) -> bool:
    """Whether this is one of our server programs at work in that directory (both servers change into their data)."""
    try:
        if process.pid == 0 or SERVERS.get(Path(process.exe().removesuffix(" (deleted)")).name) != directory.name:
            return False
        return Path(process.cwd()) == directory.resolve()
    except (psutil.Error, OSError):
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


def _end(processes: Iterable[psutil.Process], asks: list[tuple[signal.Signals, float]]) -> None:
    alive = list(processes)
    for number, seconds in [*asks, (signal.SIGKILL, 5.0)]:
        for process in alive:
            try:
                process.send_signal(number)
            except psutil.NoSuchProcess:
                continue
        alive = psutil.wait_procs(alive, timeout=seconds)[1]
        if not alive:
            return
    raise EmbeddedError(f"cannot end the leftover processes {sorted(p.pid for p in alive)}; end them by hand")
