"""An embedded instance as its user starts it, and ways to kill it or parts of it. Used by crash tests and benches."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

from app.embedded.home import Home
from app.embedded.postgres import ADMIN, Postgres
from app.embedded.valkey import free_port

START_SECONDS = 180.0  # a first start makes the cluster, and the encoder where none is; later ones take seconds
MODELS = Path(os.environ.get("MNEME_MODEL_DIR", Path(sys.prefix) / "mneme-models"))  # exported once for all tests
STOP_SECONDS = 10.0  # what the service promises


@dataclass
class Instance:
    """`mneme serve` on a home of its own. `extra` is added to its environment."""

    home_path: Path
    extra: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def home(self) -> Home:
        return Home(self.home_path)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def key(self) -> str:
        return self.home.key_file.read_text().strip()

    def start(self) -> None:
        """Start it and return when it is ready."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MNEME_")}
        environment |= {"MNEME_HOME": str(self.home_path), "MNEME_PORT": str(self.port), "MNEME_MODEL_DIR": str(MODELS)}
        environment |= self.extra
        log = (self.home_path.parent / "serve.log").open("ab")
        with log:
            command = [str(Path(sys.executable).parent / "mneme"), "serve"]
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
        self.wait_ready()

    def wait_ready(self) -> None:
        """Return when /health/ready says 200 without being degraded."""
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            try:
                answer = httpx.get(f"{self.url}/health/ready", timeout=2)
                if answer.status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            assert self.process is not None
            assert self.process.poll() is None, f"it ended: {self.output()}"
            time.sleep(0.1)
        raise AssertionError(f"not ready after {START_SECONDS} s: {self.output()}")

    def output(self) -> str:
        """The last words of the supervisor and of its children."""
        files = [self.home_path.parent / "serve.log", *sorted((self.home_path / "logs").glob("*.log"))]
        return "\n".join(f"--- {f.name}\n{f.read_text(errors='replace')[-3000:]}" for f in files if f.exists())

    def parts(self) -> dict[str, list[psutil.Process]]:
        """The processes by part: supervisor, gateway, worker, postgres (all of it), valkey."""
        assert self.process is not None
        found: dict[str, list[psutil.Process]] = {}
        try:
            supervisor = psutil.Process(self.process.pid)
            everything = [supervisor, *supervisor.children(recursive=True)]
        except psutil.NoSuchProcess:
            return {}
        for process in everything:
            try:
                found.setdefault(part_of(process, supervisor.pid), []).append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return found

    def kill(self, part: str) -> None:
        """SIGKILL. `whole` is every process at once; after it and after `supervisor` the user starts again."""
        parts = self.parts()
        victims = [p for group in parts.values() for p in group] if part == "whole" else parts.get(part, [])
        assert victims, f"no process of {part}: {parts}"
        for process in victims:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        if part in {"whole", "supervisor"}:
            assert self.process is not None
            self.process.wait()
            self.start()

    def stop(self) -> float:
        """SIGTERM; returns the seconds it took, after which nothing of it may be left."""
        assert self.process is not None
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(STOP_SECONDS + 5)
        return time.monotonic() - began

    def end(self) -> None:
        """Whatever happened: leave no process behind (for the end of a test)."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for process in leftovers(self.home_path):
            try:
                process.kill()
            except psutil.NoSuchProcess:  # it ended with its supervisor
                continue

    def database_url(self) -> str:
        """A superuser's connection, to look at everything."""
        return Postgres(self.home).dsn(ADMIN, self.home.secrets().admin_password)


def part_of(process: psutil.Process, supervisor: int) -> str:
    """Which part of an instance a process belongs to."""
    if process.pid == supervisor:
        return "supervisor"
    program = Path(process.exe()).name
    if program == "postgres":
        return "postgres"
    if program in {"valkey-server", "redis-server"}:
        return "valkey"
    words = process.cmdline()
    return "gateway" if "api" in words else "worker" if "worker" in words else "other"


def leftovers(home: Path) -> list[psutil.Process]:
    """Live processes that work in the home or were started for it."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                continue
            texts = [process.cwd(), *process.cmdline(), process.environ().get("MNEME_HOME", "")]
        except (psutil.Error, OSError):
            continue
        if any(str(home) in text for text in texts):
            found.append(process)
    return found


def modes(path: Path) -> dict[Path, int]:
    """Permissions of a directory and of all above it."""
    return {p: p.stat().st_mode for p in (path, *path.parents)}
