"""`mneme serve`: starts PostgreSQL, Valkey, gateway and worker, starts again what crashes, and stops all of it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType

from app.embedded import gateway, leftovers, logs, stopping
from app.embedded.bootstrap import ensure_key, is_migrated
from app.embedded.home import EmbeddedError, Home, write_private
from app.embedded.parent import VARIABLE, end_with_parent
from app.embedded.part import Part
from app.embedded.postgres import ADMIN, APP, Postgres
from app.embedded.valkey import Valkey, binary
from app.settings import Settings
from app.telemetry.scrape import WORKER_VARIABLE

READY_WITHIN = 120.0  # seconds for gateway and encoder on a slow machine
CRASHES_AT_START = 3  # a child that ends this often before it was ever ready will not get better
TICK = 0.05
WORKER_SOCKET = ".s.mneme-worker"  # beside PostgreSQL's, and shorter: their directory is chosen so that names fit
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequested(BaseException):
    """Ctrl-C or SIGTERM arrived."""


@dataclass(frozen=True, slots=True)
class Running:
    """What a caller needs to use the instance."""

    url: str
    key_file: str
    key: str
    key_is_new: bool


class Supervisor:
    """One embedded instance. `run` returns after a signal, with everything stopped."""

    def __init__(self, settings: Settings, report: Callable[[str], None]) -> None:
        self._settings = settings
        self._report = report
        self._home = Home.open(settings.mneme_home)
        self._parts: list[Part] = []
        self._listener: socket.socket | None = None
        self._postgres: Postgres | None = None

    def run(self, when_ready: Callable[[Running], None]) -> None:
        """Start everything, call `when_ready` once /health/ready is 200, and stay until a signal."""
        with self._home.locked():
            end_with_parent()
            self._home.address_file.unlink(missing_ok=True)  # of an instance that was killed
            for number in SIGNALS:
                signal.signal(number, _request_stop)
            try:
                when_ready(self._start())
                self._watch()
            except StopRequested:
                self._report("Stopping.")
            finally:
                for number in SIGNALS:
                    signal.signal(number, signal.SIG_IGN)
                self._stop()

    def _start(self) -> Running:
        settings, home = self._settings, self._home
        self._listener = gateway.listen(settings.mneme_host, settings.mneme_port)
        url = gateway.address(self._listener)
        leftovers.stop_leftovers(home, self._report)
        secrets = home.secrets()
        postgres = self._postgres = Postgres(home)
        postgres.prepare(secrets.admin_password)
        environment = dict(os.environ)
        self._add("postgres", self._start_postgres, stopping.POSTGRES)
        environment["DATABASE_URL"] = postgres.dsn(APP, secrets.app_password)
        program = binary()
        if settings.redis_url is None and program is not None:
            valkey = Valkey(home, program, postgres.account, secrets.valkey_password)
            self._add("valkey", valkey.start, stopping.VALKEY)
            environment["REDIS_URL"] = valkey.url
        elif settings.redis_url is None:
            self._report("No valkey-server found: the workers look for work every few seconds instead.")
        postgres.wait(READY_WITHIN)
        admin_dsn = postgres.dsn(ADMIN, secrets.admin_password)
        if not is_migrated(admin_dsn):
            self._migrate(environment | {"MIGRATION_DATABASE_URL": admin_dsn})
        key_is_new = ensure_key(home, admin_dsn)
        descriptor = self._listener.fileno()
        environment |= {
            "MNEME_HOME": str(home.path),
            "MNEME_EMBEDDED": "1",
            VARIABLE: str(os.getpid()),
            gateway.LISTEN_VARIABLE: str(descriptor),
            WORKER_VARIABLE: str(postgres.sockets / WORKER_SOCKET),
        }
        self._add("gateway", lambda: self._spawn("gateway", ["api"], environment, (descriptor,)), stopping.PYTHON)
        self._add("worker", lambda: self._spawn("worker", ["worker", "--beat"], environment, ()), stopping.PYTHON)
        self._wait_until_ready(url)
        write_private(home.address_file, url + "\n")
        return Running(url, str(home.key_file), home.key_file.read_text().strip(), key_is_new)

    def _migrate(self, environment: dict[str, str]) -> None:
        """In a process of its own: Alembic would stay in this one's memory for ever."""
        process = self._spawn("migrate", ["migrate"], environment, ())
        if process.wait() != 0:
            log = self._home.log("migrate")
            raise EmbeddedError(f"the database cannot be migrated. The end of {log}:\n{logs.tail(log)}")

    def _add(self, name: str, start: Callable[[], subprocess.Popen[bytes]], asks: stopping.Asks) -> None:
        part = Part(name, start, asks)
        self._parts.append(part)
        part.run()

    def _start_postgres(self) -> subprocess.Popen[bytes]:
        """Start it, after a crash first ending what still holds its files."""
        postgres = self._postgres
        if postgres is None:
            raise RuntimeError("prepared first")
        if postgres.process is not None:
            leftovers.stop_postgres(self._home)
        return postgres.start()

    def _spawn(
        self, name: str, arguments: list[str], environment: dict[str, str], descriptors: tuple[int, ...]
    ) -> subprocess.Popen[bytes]:
        with self._home.log(name).open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - ourselves
                [sys.executable, "-m", "app.cli", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                pass_fds=descriptors,
                start_new_session=True,
            )

    def _wait_until_ready(self, url: str) -> None:
        until = time.monotonic() + READY_WITHIN
        while not gateway.is_ready(url):
            for part in self._parts:
                part.check(self._report)
                if part.crashes >= CRASHES_AT_START:
                    log = self._home.log(part.name)
                    raise EmbeddedError(f"the {part.name} does not start. The end of {log}:\n{logs.tail(log)}")
            if time.monotonic() > until:
                raise EmbeddedError(f"not ready after {READY_WITHIN:.0f} s; see the logs in {self._home.logs}")
            time.sleep(TICK)

    def _watch(self) -> None:
        ticks = 0
        while True:
            for part in self._parts:
                part.check(self._report)
            ticks += 1
            if ticks % 200 == 0:
                logs.trim(self._home.logs)
            time.sleep(TICK)

    def _stop(self) -> None:
        """Callers first, then the work, PostgreSQL last: nobody loses a store under its feet."""
        if self._listener is not None:
            self._listener.close()
        self._home.address_file.unlink(missing_ok=True)
        for group in (("gateway", "worker"), ("valkey",), ("postgres",)):
            parts = [p for p in self._parts if p.name in group and p.process is not None]
            if parts:
                stopping.stop_together([p.process for p in parts if p.process is not None], parts[0].asks)
        if self._postgres is not None:
            self._postgres.release()


def _request_stop(_number: int, _frame: FrameType | None) -> None:
    raise StopRequested
