"""Metrics of one process read by another of the same machine: whoever connects to a unix socket gets the text.

The worker of the embedded stack serves, its gateway reads. The socket lies in a private directory and holds no state.
"""

import os
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

ANSWER_SECONDS = 2.0  # for a whole answer; the worker only renders its own registry, between what it computes
PIECE = 65_536
WORKER_VARIABLE = "MNEME_WORKER_SOCKET"  # set by `mneme serve` for its gateway and its worker


def worker_socket() -> Path | None:
    """Where the worker of this embedded stack tells its metrics; None in server mode, where it has a port."""
    path = os.environ.get(WORKER_VARIABLE)
    return Path(path) if path else None


def serve_text(path: Path, render: Callable[[], bytes]) -> None:
    """Answer every connection to `path` with `render()`, on a daemon thread. What an ended process left there goes.

    Raises OSError when the socket cannot be made.
    """
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    path.chmod(0o600)
    listener.listen(8)

    def answer() -> None:
        while True:
            link, _ = listener.accept()
            with link, suppress(OSError):  # a reader that went away
                link.settimeout(ANSWER_SECONDS)
                link.sendall(render())

    threading.Thread(target=answer, name="metrics", daemon=True).start()


def read_text(path: Path) -> str | None:
    """What the process behind `path` answers; None when none does."""
    pieces = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.settimeout(ANSWER_SECONDS)
        try:
            link.connect(str(path))
            while piece := link.recv(PIECE):
                pieces.append(piece)
        except OSError:
            return None
    return b"".join(pieces).decode()
