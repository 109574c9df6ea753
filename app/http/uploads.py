"""A body that is a file: written to a temporary file as it arrives, with its hash, so that memory stays bounded."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from email.message import Message
from hashlib import sha256
from typing import IO

import anyio.to_thread
from starlette.requests import Request

from app.errors import FieldError, InvalidInputError
from app.http.deps import Edge
from app.http.idempotency import WriteRequest
from app.http.problems import HttpError

GATHERED = 1_048_576  # bytes between two writes
TYPES = frozenset({"application/octet-stream", "application/x-ndjson", "application/jsonl"})


@dataclass(frozen=True, slots=True)
class Upload:
    """The file, at its start, its size in bytes and its SHA-256."""

    file: IO[bytes]
    size: int
    digest: bytes


@asynccontextmanager
async def uploaded(request: Request) -> AsyncIterator[Upload]:
    """The body of the request as a file that is gone after the block; raises HttpError 415, and for none at all 422."""
    kind = Message()
    kind["content-type"] = request.headers.get("content-type", "")
    if kind.get_content_type() not in TYPES:
        raise HttpError(415, "Send a file: Content-Type: application/octet-stream.")
    digest, size = sha256(), 0
    with tempfile.TemporaryFile() as file:
        held = bytearray()
        async for piece in request.stream():
            held += piece
            if len(held) >= GATHERED:
                await anyio.to_thread.run_sync(_put, file, digest, bytes(held))
                size += len(held)
                held.clear()
        await anyio.to_thread.run_sync(_put, file, digest, bytes(held))
        size += len(held)
        if not size:
            raise InvalidInputError("The body is empty.", errors=(FieldError("", "is empty", "empty"),))
        file.seek(0)
        yield Upload(file, size, digest.digest())


def _put(file: IO[bytes], digest: "sha256", data: bytes) -> None:  # type: ignore[valid-type]
    file.write(data)
    digest.update(data)  # type: ignore[attr-defined]


def with_body(edge: Edge, request: Request, upload: Upload) -> Edge:
    """The edge of a write whose body is this file: the Idempotency-Key belongs to it as to any other body."""
    target = request.scope.get("raw_path") or request.scope["path"].encode()
    query: bytes = request.scope["query_string"]
    whole = target.split(b"?", 1)[0] + (b"?" + query if query else b"")
    told = WriteRequest.of(edge.write_request.key, edge.write_request.secret, request.method, whole, upload.digest)
    return replace(edge, write_request=told)
