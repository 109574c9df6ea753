"""A model endpoint over HTTP with good and bad days."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = Callable[[dict[str, Any]], tuple[int, dict[str, str], bytes]]


def status(code: int, **headers: str) -> Reply:
    return lambda _body: (code, {name.replace("_", "-"): value for name, value in headers.items()}, b"{}")


def raw(content: bytes) -> Reply:
    return lambda _body: (200, {}, content)


def late(reply: Reply, seconds: float) -> Reply:
    """The same reply after a pause, for clients that do not wait so long."""

    def paused(body: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        time.sleep(seconds)
        return reply(body)

    return paused


@contextmanager
def endpoints(good: Reply) -> Iterator["Endpoints"]:
    """An endpoint for the time of the block."""
    running = Endpoints(good)
    try:
        yield running
    finally:
        running.close()


class Endpoints:
    """A local HTTP endpoint: answers by its script, then well."""

    def __init__(self, good: Reply) -> None:
        self.script: list[Reply] = []
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                outer.bodies.append(body)
                outer.headers.append({name.lower(): value for name, value in self.headers.items()})
                outer.paths.append(self.path)
                reply = outer.script.pop(0) if outer.script else good
                code, headers, content = reply(body)
                try:
                    self.send_response(code)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    self.send_header("content-length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content)
                except (BrokenPipeError, ConnectionResetError):
                    pass  # the client gave up, as the timeout test wants

            def log_message(self, *_arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
