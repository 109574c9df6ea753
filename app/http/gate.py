"""The route class of every API route: who calls, may they, and is the request well-formed, before a schema sees it."""

from collections import Counter
from collections.abc import Callable, Coroutine
from email.message import Message
from typing import Any
from urllib.parse import parse_qsl

import anyio.to_thread
from fastapi._compat import ModelField
from fastapi.dependencies.utils import get_flat_params
from fastapi.exceptions import RequestValidationError
from fastapi.params import ParamTypes
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from app.context import ProcessContext
from app.domain.access import Caller, KeyScope
from app.errors import FieldError, InvalidInputError, RateLimitedError
from app.http import auth, strict_json
from app.http.problems import HttpError, from_error, path_of, request_id_of
from app.http.rates import RateLimiter
from app.storage import keys

SCOPE_FIELD = "x-mneme-scope"  # in the OpenAPI of each operation: the scope that its key needs
BINARY_FIELD = "x-mneme-binary"  # in the OpenAPI of an operation whose body is a file, which its handler reads itself
WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
INLINE_BODY = 16_384  # bytes; longer bodies are parsed on a thread, so that health answers meanwhile

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class StrictRequest(Request):
    """A request whose body is parsed by our rules, once."""

    parsed: Any = None

    async def json(self) -> Any:
        """What the gate has parsed."""
        return self.parsed


class GatedRoute(APIRoute):
    """Authenticates, checks scope, rate, query names and body, then hands over to FastAPI."""

    def get_route_handler(self) -> Handler:
        inner = super().get_route_handler()
        needed = KeyScope((self.openapi_extra or {})[SCOPE_FIELD])
        names = frozenset(
            field.alias
            for field in get_flat_params(self.dependant)
            if getattr(field.field_info, "in_", None) is ParamTypes.query
        )
        field = self.body_field
        streams = bool((self.openapi_extra or {}).get(BINARY_FIELD))

        async def handle(request: Request) -> Response:
            context: ProcessContext = request.app.state.context
            limiter: RateLimiter = request.app.state.limiter
            caller = await authenticate(request, context)
            ticket = limiter.take(caller.key_id)
            if ticket is not None and not ticket.allowed:
                error = RateLimitedError("Too many requests for this key.", retry_after=ticket.retry_after)
                response = from_error(error, path_of(request), request_id_of(request))
                response.headers.update(ticket.headers)
                return response
            caller.need(needed)
            check_query(request, names)
            request.state.caller = caller
            request = StrictRequest(request.scope, request.receive)
            if request.method in WRITES and not streams:
                await read_body(request, field)
            response = await inner(request)
            if ticket is not None:
                response.headers.update(ticket.headers)
            return response

        return handle


async def authenticate(request: Request, context: ProcessContext) -> Caller:
    """The caller of this request; raises UnauthenticatedError."""
    key_id, secret = auth.split_key(request.headers.get("authorization"))
    request.state.secret = secret
    cache: auth.KeyCache = request.app.state.key_cache
    now = context.clock()
    stored = cache.get(key_id)
    if stored is not None:
        return auth.verify(stored, secret, now)

    def look_up() -> Caller:
        with context.db.transaction(None) as conn:
            found = keys.find(conn, key_id)
        caller = auth.verify(found, secret, now)
        assert found is not None  # noqa: S101 - verify refuses an unknown key
        if found.last_used_at is None or (now - found.last_used_at).total_seconds() > keys.USED_EVERY_SECONDS:
            with context.db.transaction(caller.project) as conn:
                keys.mark_used(conn, caller.project, key_id)
        cache.put(found)
        return caller

    return await anyio.to_thread.run_sync(look_up)


def check_query(request: Request, names: frozenset[str]) -> None:
    """Refuse query parameters that the route does not know, and those that come twice."""
    raw = request.scope["query_string"]
    if not raw:
        return
    counts = Counter(name for name, _ in parse_qsl(raw.decode("latin-1"), keep_blank_values=True))
    errors = [
        FieldError(f"query:{name}", "is not a parameter of this route", "unknown")
        for name in counts
        if name not in names
    ]
    errors += [FieldError(f"query:{name}", "comes more than once", "repeated") for name, n in counts.items() if n > 1]
    if errors:
        raise InvalidInputError("The query does not fit this route; `errors` says where.", errors=tuple(errors))


async def read_body(request: StrictRequest, field: ModelField | None) -> None:
    """Read and parse the body by our rules; raises what the middleware, the parser or the schema refuses."""
    body = await request.body()
    request.state.body = body
    if not body:
        return
    if field is None:
        raise InvalidInputError("This route takes no body.", errors=(FieldError("", "must be empty", "unexpected"),))
    kind = Message()
    kind["content-type"] = request.headers.get("content-type", "")
    charset = (kind.get_content_charset() or "utf-8").lower()
    if kind.get_content_type() != "application/json" or charset not in {"utf-8", "utf8", "us-ascii"}:
        raise HttpError(415, "Send JSON: Content-Type: application/json.")
    if len(body) <= INLINE_BODY:
        request.parsed = strict_json.parse(body)
    else:
        request.parsed = await anyio.to_thread.run_sync(parse_and_validate, body, field)


def parse_and_validate(body: bytes, field: ModelField) -> Any:
    """A long body as its model, which FastAPI then takes as it is: all of it on a thread."""
    value, errors = field.validate(strict_json.parse(body), {}, loc=("body",))
    if errors:
        raise RequestValidationError(errors)
    return value
