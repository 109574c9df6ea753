"""The gateway's address: the supervisor listens and hands the socket down, so a restarted gateway loses no caller."""

import errno
import http.client
import socket

from app.embedded.home import EmbeddedError

LISTEN_VARIABLE = "MNEME_LISTEN_FD"


def listen(host: str, port: int) -> socket.socket:
    """A listening socket (port 0: any free one); raises EmbeddedError when the address is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise EmbeddedError(
                f"port {port} of {host} is in use. Stop what uses it, or set MNEME_PORT (0 takes a free one)."
            ) from error
        raise EmbeddedError(f"cannot listen on {host}:{port}: {error.strerror}") from error
    return listener


def address(listener: socket.socket) -> str:
    """The URL under which callers on this machine reach it."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_ready(url: str, timeout: float = 0.5) -> bool:
    """Whether /health/ready answers 200 now."""
    link = http.client.HTTPConnection(url.removeprefix("http://"), timeout=timeout)
    try:
        link.request("GET", "/health/ready")
        return link.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        link.close()
