"""The ASGI layer around the app: request id, limits on head and body, time measured, and the top handler of errors."""

import asyncio
import logging
import time
import traceback
from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import quote, unquote_to_bytes
from uuid import UUID

import structlog
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import FieldError, InvalidInputError, MnemeError, PayloadTooLargeError
from app.http.problems import REQUEST_ID, HttpError, from_error, internal
from app.settings import Settings

QUERY_LIMIT = 8_192  # bytes; common proxies stop here too
HEADERS_LIMIT = 32_768  # bytes of all names and values
PATH_LIMIT = 4_096  # bytes
BODY_IDLE_SECONDS = 15.0  # between two pieces of a body
BODY_SECONDS = 60.0  # for a whole body
# Bodies that go to a file and not into memory: bytes at most, and seconds for the whole of it.
UPLOADS = {
    "/v1/cubes/import": (2 * 1024**3, 3_600.0),  # about 800,000 memories with vectors
    "/v1/cubes/artefacts": (64 * 1024**2, 600.0),
}

logger: structlog.stdlib.BoundLogger = structlog.get_logger("mneme.http")


class TopMiddleware:
    """Chooses the request id, refuses what breaks the limits of the head, and turns any unhandled error into a 500."""

    def __init__(self, app: ASGIApp, *, settings: Settings, new_id: Callable[[], UUID], observe: "Observe") -> None:
        self.app = app
        self.settings = settings
        self.new_id = new_id
        self.observe = observe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        request_id = _request_id(headers) or str(self.new_id())
        scope.setdefault("state", {})["request_id"] = request_id
        path = quote(scope["path"], safe="/:@+=~,;!$&'()*")[:1000]
        status = 0

        async def reply(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", request_id.encode())]
            await send(message)

        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            check_head(scope)
            limit, seconds = self.settings.body_limit_bytes, BODY_SECONDS
            if scope["method"] == "POST" and scope["path"] == "/v1/events":
                limit = self.settings.events_body_limit_bytes
            elif scope["method"] == "POST":
                limit, seconds = UPLOADS.get(scope["path"], (limit, seconds))
            await self.app(scope, limited(receive, headers, limit, seconds), reply)
        except MnemeError as error:
            if status:
                raise
            await _answer(from_error(error, path, request_id), scope, receive, reply)
        except Exception as error:  # noqa: BLE001 - the top handler: nothing above it would tell anybody
            report(error, scope)
            if not status:
                await _answer(internal(path, request_id), scope, receive, reply)
        finally:
            self.observe(scope, status, time.perf_counter() - started)


Observe = Callable[[Scope, int, float], None]


def report(error: Exception, scope: Scope) -> None:
    """Log an unhandled error loudly. The text of the error is left out: databases print values in it."""
    frames = traceback.extract_tb(error.__traceback__)
    logger.log(
        logging.ERROR,
        "request_failed",
        request_id=scope["state"]["request_id"],
        method=scope["method"],
        route=getattr(scope.get("route"), "path", None),
        error=f"{type(error).__module__}.{type(error).__qualname__}",
        sqlstate=getattr(error, "sqlstate", None),
        frames=[f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-12:]],
    )


async def _answer(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    response.headers["Connection"] = "close"  # the rest of a refused body is not read
    await response(scope, receive, send)


def _request_id(headers: list[tuple[bytes, bytes]]) -> str | None:
    for name, value in headers:
        if name == b"x-request-id":
            text = value.decode("latin-1")
            return text if REQUEST_ID.fullmatch(text) else None
    return None


def check_head(scope: Scope) -> None:
    """Limits of the request line and the headers; raises the refusal."""
    query: bytes = scope["query_string"]
    raw_path: bytes = (scope.get("raw_path") or scope["path"].encode()).split(b"?", 1)[0]
    if len(query) > QUERY_LIMIT or len(raw_path) > PATH_LIMIT:
        raise HttpError(414, f"A path has at most {PATH_LIMIT} bytes, a query at most {QUERY_LIMIT}.")
    if sum(len(name) + len(value) for name, value in scope["headers"]) > HEADERS_LIMIT:
        raise HttpError(431, f"The headers have more than {HEADERS_LIMIT} bytes.")
    for place, raw in (("path", raw_path), ("query", query.replace(b"+", b" "))):
        decoded = unquote_to_bytes(raw)
        try:
            text = decoded.decode()
        except UnicodeDecodeError as error:
            field = FieldError(f"{place}:", "is not UTF-8 after percent-decoding", "invalid_encoding")
            raise InvalidInputError(f"The {place} is not UTF-8.", errors=(field,)) from error
        if any(ord(char) < 0x20 or ord(char) == 0x7F for char in text):
            field = FieldError(f"{place}:", "contains a control character", "control_character")
            raise InvalidInputError(f"The {place} contains a control character.", errors=(field,))


def limited(receive: Receive, headers: list[tuple[bytes, bytes]], limit: int, seconds: float = BODY_SECONDS) -> Receive:
    """`receive` with a cap on the body's size and on the time it may take; refuses compressed bodies."""
    told = dict(headers)
    coding = told.get(b"content-encoding", b"identity").strip().lower()
    if coding not in {b"identity", b""}:
        raise HttpError(415, "A request body may not be compressed.", code="unsupported_encoding")
    too_large = PayloadTooLargeError(f"The body has more than {limit} bytes.")
    length = told.get(b"content-length", b"0")
    if length.isdigit() and int(length[:20]) > limit:
        raise too_large
    seen = 0
    deadline = time.monotonic() + seconds
    complete = False

    async def receive_some() -> Message:
        nonlocal seen, complete
        if complete:  # what follows is the wait for the client to go away
            return await receive()
        try:
            left = min(BODY_IDLE_SECONDS, max(deadline - time.monotonic(), 0.0))
            message = await asyncio.wait_for(receive(), left)
        except TimeoutError as error:
            raise HttpError(HTTPStatus.REQUEST_TIMEOUT, "The body did not arrive in time.") from error
        seen += len(message.get("body", b""))
        complete = not message.get("more_body", False)
        if seen > limit:
            raise too_large
        return message

    return receive_some
