"""MNEME_HOME: the directory of one embedded instance, its names, its lock and its secrets."""

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from app.erasure_log import ERASURES


class EmbeddedError(Exception):
    """The embedded stack cannot run; `str()` is one message that says what to do."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """Passwords of the instance's own servers, made at its first start."""

    admin_password: str  # PostgreSQL superuser, used for migrations and the first key only
    app_password: str  # role mneme_app
    valkey_password: str


@dataclass(frozen=True, slots=True)
class Home:
    """Names inside one home. A directory made here is private (0700); one that was there is left as it is."""

    path: Path

    @classmethod
    def open(cls, path: Path) -> "Home":
        """The home at `path`, made when it is not there; raises EmbeddedError when it cannot be used."""
        home = cls(path.expanduser().absolute())
        try:
            make_private(home.path)
            for directory in (home.logs, home.index):
                make_private(directory)
        except OSError as error:
            raise EmbeddedError(
                f"cannot use {home.path} as MNEME_HOME: {error.strerror}. Set MNEME_HOME to a directory of your own."
            ) from error
        return home

    @property
    def data(self) -> Path:
        return self.path / "pg"

    @property
    def run(self) -> Path:
        return self.path / "run"

    @property
    def valkey(self) -> Path:
        return self.path / "valkey"

    @property
    def index(self) -> Path:
        return self.path / "index"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def key_file(self) -> Path:
        return self.path / "api_key"

    @property
    def erasure_log(self) -> Path:
        return self.path / ERASURES

    @property
    def address_file(self) -> Path:
        return self.path / "address"

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the home for this process; raises EmbeddedError when another instance holds it.

        The lock is the kernel's, so it goes with the process however that ends.
        """
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                holder = os.pread(descriptor, 32, 0).decode().strip() or "unknown"
                raise EmbeddedError(
                    f"another Mneme (process {holder}) already runs on {self.path}. "
                    "Stop it, or set MNEME_HOME and MNEME_PORT to run a second one."
                ) from error
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)
            yield
        finally:
            os.close(descriptor)

    def secrets(self) -> Secrets:
        """The instance's passwords, made once."""
        file = self.path / "secrets.json"
        if not file.exists():
            made = Secrets(*(secrets.token_hex(32) for _ in range(3)))
            write_private(file, json.dumps(asdict(made)) + "\n")
        return Secrets(**json.loads(file.read_text()))


def make_private(directory: Path) -> bool:
    """Make `directory` and its missing parents with mode 0700; true when it was made, false when it was there."""
    if directory.is_dir():
        return False
    if not directory.parent.is_dir():
        make_private(directory.parent)
    directory.mkdir(mode=0o700)
    return True


def write_private(file: Path, text: str) -> None:
    """Write a 0600 file whole or not at all, durably."""
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(file)
