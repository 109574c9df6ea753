"""A gateway over a real socket in this process: uvicorn as `mneme api` runs it, and keys of any kind to call it."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import uvicorn

from app.clock import utc_now
from app.context import ProcessContext
from app.domain.access import KeyScope
from app.domain.scope import ProjectScope
from app.http.wire import ProblemProtocol
from app.main import create_app
from app.services.keys import KeyOrder, create
from app.storage.db import Database


@dataclass(frozen=True)
class Answer:
    """A raw HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Served:
    """A running gateway."""

    context: ProcessContext
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, token: str) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {token}"}, timeout=30)

    def raw(self, data: bytes, timeout: float = 30.0) -> Answer:
        """Send bytes as they are and read one answer."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout) as link:
            with suppress(OSError):  # the server may answer and close before it has everything
                link.sendall(data)
            return read_answer(link)


def read_answer(link: socket.socket) -> Answer:
    """One HTTP/1.1 answer with Content-Length."""
    seen = b""
    while b"\r\n\r\n" not in seen:
        piece = link.recv(65536)
        if not piece:
            raise ConnectionError(f"closed after {seen!r}")
        seen += piece
    head, _, body = seen.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    length = int(headers.get("content-length", "0"))
    while len(body) < length:
        piece = link.recv(65536)
        if not piece:
            raise ConnectionError("closed inside a body")
        body += piece
    return Answer(int(status.split()[1]), headers, body)


@contextmanager
def serve(context: ProcessContext) -> Iterator[Served]:
    """Run the gateway for the time of the block."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        create_app(context),
        loop="uvloop",
        http=ProblemProtocol,
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="served")
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.01)
    try:
        yield Served(context, listener.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()


def new_project(database: Database, owner: ProjectScope | None = None) -> ProjectScope:
    """A fresh project, owned by `owner` if that is given."""
    scope = ProjectScope(uuid4())
    with database.transaction(owner or scope) as conn:
        conn.execute(
            "INSERT INTO projects (id, owner_project_id, name) VALUES (%s, %s, 'test')",
            (scope.project_id, owner.project_id if owner else None),
        )
    return scope


def new_key(database: Database, project: ProjectScope, *scopes: KeyScope, **bound: Any) -> str:
    """The token of a fresh key; with no scopes given, an admin's."""
    order = KeyOrder("test", frozenset(scopes or KeyScope), **bound)
    with database.transaction(project) as conn:
        return create(conn, project, order, utc_now())[1]
