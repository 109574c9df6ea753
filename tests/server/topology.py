"""Server mode on loopback: PostgreSQL and Valkey over TCP, a Qdrant stand-in, and the processes of ours, each alone."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from app.embedded import postgres, stopping
from app.embedded.postgres import ADMIN, APP, DATABASE, Postgres
from app.embedded.valkey import free_port
from tests.support.stack import temporary_home

STAND_IN = Path(__file__).parents[1] / "support" / "qdrant_server.py"


@dataclass(frozen=True)
class TcpPostgres:
    """A PostgreSQL that listens on loopback, not yet migrated."""

    admin_url: str
    app_url: str


@contextmanager
def tcp_postgres() -> Iterator[TcpPostgres]:
    """The embedded PostgreSQL, but on a TCP port, as a server of one's own would be."""
    port = free_port()
    with temporary_home() as home, pytest.MonkeyPatch.context() as patch:
        patch.setattr(postgres, "PORT", port)
        secrets = home.secrets()
        server = Postgres(home, {"listen_addresses": "127.0.0.1", "fsync": "off"})
        server.prepare(secrets.admin_password)
        process = server.start()
        try:
            server.wait(30)
            address = f"127.0.0.1:{port}/{DATABASE}"
            yield TcpPostgres(
                f"postgresql://{ADMIN}:{quote(secrets.admin_password)}@{address}",
                f"postgresql://{APP}:{quote(secrets.app_password)}@{address}",
            )
        finally:
            stopping.stop(process, *stopping.POSTGRES)
            server.release()


@contextmanager
def qdrant_server(directory: Path, key: str) -> Iterator[str]:
    """The stand-in for a Qdrant server, as a process; its URL."""
    command = [sys.executable, str(STAND_IN), "--port", "0", "--dir", str(directory), "--api-key", key]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield process.stdout.readline().removeprefix("listening on ").strip()
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()


def environment(**settings: str) -> dict[str, str]:
    """What a process of server mode is given: nothing of this machine's own Mneme."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MNEME_")}
    return kept | settings


def run(settings: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """One `mneme` command to its end."""
    command = [sys.executable, "-m", "app.cli", *arguments]
    return subprocess.run(command, env=settings, capture_output=True, text=True, timeout=60, check=False)


class Process:
    """One long-running `mneme` process with its log."""

    def __init__(self, name: str, settings: dict[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "app.cli", name], env=settings, stdout=out, stderr=out
            )

    def alive(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> tuple[int, float]:
        """SIGTERM; its exit code and the seconds it took."""
        began = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        try:
            code = self._process.wait(15)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        return code, time.monotonic() - began

    def kill(self) -> None:
        if self.alive():
            self._process.kill()
        self._process.wait()

    def said(self) -> str:
        return self.log.read_text(errors="replace")


@contextmanager
def running(settings: dict[str, str], logs: Path, *names: str) -> Iterator[list[Process]]:
    """Processes for the time of the block; none survives it."""
    processes = [Process(name, settings, logs / f"{number}-{name}.log") for number, name in enumerate(names)]
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()


def wait_ready(url: str, gateway: Process, seconds: float = 60) -> dict:
    """The answer of /health/ready once it is 200."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        assert gateway.alive(), gateway.said()
        try:
            answer = httpx.get(f"{url}/health/ready", timeout=2)
            if answer.status_code == 200:
                return answer.json()
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    raise AssertionError(gateway.said())
