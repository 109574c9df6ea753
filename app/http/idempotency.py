"""One write, one answer: the effect, the key's row and the answer to the byte commit in one transaction."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from hashlib import sha256

from pydantic import BaseModel
from starlette.responses import Response

from app.domain.access import Caller
from app.domain.scope import Scope, UserScope
from app.errors import ConflictError, FieldError, InvalidInputError
from app.http.sealing import seal, unseal
from app.storage import idempotency
from app.storage.db import Connection, Database
from app.storage.idempotency import StoredAnswer

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
JSON = "application/json"
POINTER = f"header:{HEADER}"


class KeyBusyError(ConflictError):
    """The first request with this key is still running."""

    code = "idempotency_key_busy"


class KeyReusedError(InvalidInputError):
    """The key came with another request before."""

    code, title = "idempotency_key_reused", "Idempotency-Key reused"


class AnswerErasedError(ConflictError):
    """What the first request with this key made was erased since, and its answer with it."""

    code, title = "answer_erased", "Erased since"


@dataclass(frozen=True, slots=True)
class Reply:
    """What an endpoint answers: a status, a body (none with 204) and headers."""

    body: BaseModel | None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    def response(self) -> Response:
        """As bytes for the client."""
        if self.body is None:
            return Response(status_code=self.status, headers=self.headers)
        return Response(self.body.model_dump_json(by_alias=True), self.status, self.headers, JSON)


@dataclass(frozen=True, slots=True)
class WriteRequest:
    """What identifies a write: the app's key (if any) and a hash of method, path with query, and body."""

    key: str | None
    request_hash: bytes
    secret: str = field(repr=False, default="")  # of the caller's key; seals answers that hold a token

    @classmethod
    def of(cls, key: str | None, secret: str, method: str, target: bytes, body: bytes) -> "WriteRequest":
        """From the parts of the HTTP request."""
        return cls(key, sha256(b"%b %b\n%b" % (method.encode(), target, body)).digest(), secret)


def answer_once(  # noqa: PLR0913 - what a write is made of
    database: Database,
    caller: Caller,
    request: WriteRequest,
    scope: Scope,
    action: Callable[[Connection], Reply],
    *,
    final: bool = True,
    sealed: bool = False,
) -> Response:
    """Run the action in one transaction, or give the stored answer of the first request with the same key."""
    with database.transaction(scope) as conn:
        if request.key is None:
            return action(conn).response()
        stored = _begin(conn, caller, request)
        if stored is not None:
            return _again(stored, unseal(stored.body, request.secret) if sealed else stored.body)
        response = action(conn).response()
        answer = replace(_stored(request, response), final=final)
        if sealed:
            answer = replace(answer, body=seal(answer.body, request.secret))
        user_id = scope.user_id if isinstance(scope, UserScope) else None
        idempotency.store(conn, caller.project, caller.key_id, request.key, answer, user_id=user_id)
        return response


def replace_answer(database: Database, caller: Caller, request: WriteRequest, scope: Scope, reply: Reply) -> Response:
    """The final answer of a request that waited; it takes the place of the stored one."""
    response = reply.response()
    if request.key is None:
        return response
    with database.transaction(scope) as conn:
        if idempotency.replace(conn, caller.project, caller.key_id, request.key, _stored(request, response)):
            return response
        stored = idempotency.find(conn, caller.project, caller.key_id, request.key)
    return response if stored is None or stored.status == idempotency.ERASED else _again(stored, stored.body)


def _again(stored: StoredAnswer, body: bytes) -> Response:
    """A stored answer; only a final one is marked as replayed."""
    return Response(body, stored.status, stored.headers | ({REPLAYED: "true"} if stored.final else {}))


def _begin(conn: Connection, caller: Caller, request: WriteRequest) -> StoredAnswer | None:
    assert request.key is not None  # noqa: S101 - the caller has looked
    if not idempotency.lock(conn, caller.project, caller.key_id, request.key):
        raise KeyBusyError(
            "The first request with this Idempotency-Key is still running.",
            errors=(FieldError(POINTER, "in use by a running request", "busy"),),
            retry_after=1,
        )
    stored = idempotency.find(conn, caller.project, caller.key_id, request.key)
    if stored is None:
        return None
    if stored.status == idempotency.ERASED:
        raise AnswerErasedError(
            "What the first request with this Idempotency-Key was about has been erased; send it under another key.",
            errors=(FieldError(POINTER, "belongs to what was erased", "erased"),),
        )
    if stored.request_hash != request.request_hash:
        raise KeyReusedError(
            "This Idempotency-Key belongs to another request.",
            errors=(FieldError(POINTER, "was used with another method, path or body", "reused"),),
        )
    return stored


def _stored(request: WriteRequest, response: Response) -> StoredAnswer:
    kept = {k: v for k, v in response.headers.items() if k in {"content-type", "etag", "location"}}
    return StoredAnswer(request.request_hash, response.status_code, kept, bytes(response.body))
