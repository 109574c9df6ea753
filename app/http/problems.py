"""Every refusal as problem+json: from our own errors, FastAPI's validation, unknown routes and stores that are away."""

import re
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import compile_path

from app.errors import FieldError, MnemeError
from app.http.schemas.problem import Problem, ProblemField
from app.inference.protocol import EncoderUnavailableError
from app.storage.failures import UNAVAILABLE

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:mneme:problem:"
POINTER_LIMIT = 300  # characters of an app's own key that we repeat
ERRORS_LIMIT = 50  # one answer names at most so many fields
RETRY_SECONDS = 1

_TITLES = {
    400: ("bad_request", "Bad request"),
    404: ("not_found", "Not found"),
    405: ("method_not_allowed", "Method not allowed"),
    408: ("request_timeout", "Request timeout"),
    414: ("uri_too_long", "URI too long"),
    415: ("unsupported_media_type", "Unsupported media type"),
    431: ("headers_too_large", "Request header fields too large"),
}


class HttpError(MnemeError):
    """A refusal that only HTTP knows (400, 405, 408, 414, 415, 431): the status is the argument."""

    def __init__(
        self, status: int, detail: str, *, code: str | None = None, errors: tuple[FieldError, ...] = ()
    ) -> None:
        super().__init__(detail, errors=errors)
        default_code, title = _TITLES.get(status, ("error", HTTPStatus(status).phrase))
        self.http_status = status
        self.http_code = code or default_code
        self.http_title = title


def problem_response(  # noqa: PLR0913 - the fields of RFC 9457
    *,
    status: int,
    code: str,
    title: str,
    detail: str,
    path: str,
    request_id: str,
    errors: Iterable[FieldError] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The answer itself."""
    fields = [
        ProblemField(pointer=e.pointer[:POINTER_LIMIT], detail=e.detail[:POINTER_LIMIT], code=e.code) for e in errors
    ][:ERRORS_LIMIT]
    body = Problem(
        type=TYPE_PREFIX + code,
        title=title,
        status=status,
        detail=detail,
        instance=path,
        code=code,
        request_id=request_id,
        errors=fields,
    )
    return Response(body.model_dump_json(), status_code=status, media_type=MEDIA_TYPE, headers=headers)


def from_error(error: MnemeError, path: str, request_id: str) -> Response:
    """One of our own errors as an answer."""
    known = isinstance(error, HttpError)
    headers = {"Retry-After": str(error.retry_after)} if error.retry_after is not None else {}
    status = error.http_status if isinstance(error, HttpError) else error.status
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="mneme"'
    return problem_response(
        status=status,
        code=error.http_code if isinstance(error, HttpError) else error.code,
        title=error.http_title if known and isinstance(error, HttpError) else error.title,
        detail=error.detail,
        path=path,
        request_id=request_id,
        errors=error.errors,
        headers=headers,
    )


def internal(path: str, request_id: str) -> Response:
    """An unhandled error: says nothing but the id to look for in the log."""
    return problem_response(
        status=500,
        code="internal",
        title="Internal error",
        detail="Something went wrong on our side. Quote the request id when you report it.",
        path=path,
        request_id=request_id,
    )


def pointer_of(location: Sequence[Any]) -> str:
    """FastAPI's location as a JSON pointer, or as `query:name` for the other parts of a request."""
    place, *rest = location or ("body",)
    if place == "body":
        return "".join("/" + escape(str(part)) for part in rest)
    return f"{place}:{'.'.join(str(part) for part in rest)}"


def escape(part: str) -> str:
    """One reference token of RFC 6901; what could not be sent back (a lone surrogate) becomes `?`."""
    return part.replace("~", "~0").replace("/", "~1").encode(errors="replace").decode()


def field_errors(error: RequestValidationError) -> tuple[FieldError, ...]:
    """FastAPI's list of errors in our words; the app's values are not repeated."""
    fields = []
    for entry in error.errors()[:ERRORS_LIMIT]:
        detail = str(entry["msg"]).removeprefix("Value error, ")
        fields.append(FieldError(pointer_of(entry["loc"]), detail, str(entry["type"])))
    return tuple(fields)


def request_id_of(request: Request) -> str:
    """The id that the outer middleware has chosen."""
    return str(request.scope.get("state", {}).get("request_id", ""))


def path_of(request: Request) -> str:
    """The path as it was asked for, safe to print."""
    return quote(request.scope.get("path", ""), safe="/:@+=~,;!$&'()*")[:1000]


def _allowed(app: FastAPI, path: str) -> str:
    methods = {
        method.upper()
        for template, operations in app.openapi()["paths"].items()
        if compile_path(template)[0].match(path)
        for method in operations
    }
    return ", ".join(sorted(methods)) or "GET"


def install(app: FastAPI) -> None:
    """Register the handlers of every expected error."""

    async def expected(request: Request, error: Exception) -> Response:
        assert isinstance(error, MnemeError)  # noqa: S101 - registered for this class
        return from_error(error, path_of(request), request_id_of(request))

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class
        return problem_response(
            status=422,
            code="invalid_input",
            title="Invalid input",
            detail="The request does not fit the schema; `errors` says where.",
            path=path_of(request),
            request_id=request_id_of(request),
            errors=field_errors(error),
        )

    async def by_status(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class
        headers = dict(error.headers or {})
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            headers["Allow"] = _allowed(app, request.url.path)
        code, title = _TITLES.get(error.status_code, ("error", HTTPStatus(error.status_code).phrase))
        return problem_response(
            status=error.status_code,
            code=code,
            title=title,
            detail="There is no such route." if error.status_code == HTTPStatus.NOT_FOUND else str(error.detail),
            path=path_of(request),
            request_id=request_id_of(request),
            headers=headers,
        )

    async def away(request: Request, error: Exception) -> Response:
        what = "The encoder" if isinstance(error, EncoderUnavailableError) else "The database"
        return problem_response(
            status=503,
            code="unavailable",
            title="Service unavailable",
            detail=f"{what} cannot answer now; try again.",
            path=path_of(request),
            request_id=request_id_of(request),
            headers={"Retry-After": str(RETRY_SECONDS)},
        )

    app.add_exception_handler(MnemeError, expected)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, by_status)
    for kind in (*UNAVAILABLE, EncoderUnavailableError):
        app.add_exception_handler(kind, away)


REQUEST_ID = re.compile(r"[A-Za-z0-9_.:@+|=~-]{1,128}", re.ASCII)
