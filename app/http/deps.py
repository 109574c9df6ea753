"""What an endpoint gets: the edge of one request (context, caller, transactions), and how routes are declared."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from app.context import ProcessContext
from app.domain.access import Caller, KeyScope
from app.domain.scope import Scope
from app.http.after import AfterAnswers
from app.http.gate import BINARY_FIELD, SCOPE_FIELD, WRITES, GatedRoute
from app.http.idempotency import HEADER, Reply, WriteRequest, answer_once, replace_answer
from app.storage import audit
from app.storage.audit import AuditEntry
from app.storage.db import Connection

COMMON_ERRORS = (401, 403, 422, 429, 500, 503)
BODY_ERRORS = (400, 408, 413, 415)


@dataclass(frozen=True, slots=True)
class Edge:
    """One request: the only thing besides its own input that an endpoint sees."""

    context: ProcessContext
    caller: Caller
    request_id: str
    write_request: WriteRequest
    after: AfterAnswers

    @contextmanager
    def read(self, scope: Scope, *, plan_once: bool = False) -> Iterator[Connection]:
        """A transaction for reading; `plan_once` as `Database.transaction` has it."""
        with self.context.db.transaction(scope, plan_once=plan_once) as conn:
            yield conn

    @contextmanager
    def read_when_needed(self, scope: Scope) -> Iterator[Callable[[], Connection]]:
        """A transaction for the reads of a recall that opens with the first call; none where nothing is read."""
        opened: list[Connection] = []
        with ExitStack() as stack:

            def reader() -> Connection:
                if not opened:
                    opened.append(stack.enter_context(self.read(scope, plan_once=True)))
                return opened[0]

            yield reader

    def write(
        self, scope: Scope, action: Callable[[Connection], Reply], *, final: bool = True, sealed: bool = False
    ) -> Response:
        """One transaction with its stored answer; see `idempotency`."""
        return answer_once(self.context.db, self.caller, self.write_request, scope, action, final=final, sealed=sealed)

    def write_again(self, scope: Scope, reply: Reply) -> Response:
        """The final answer in the place of one that was stored with `final=False`."""
        return replace_answer(self.context.db, self.caller, self.write_request, scope, reply)

    def audit(self, conn: Connection, scope: Scope, action: str, target: tuple[str, str], **detail: Any) -> None:
        """Record an act of this caller on `target` (kind, id); `job_id` is that of the job which does it."""
        user_id = getattr(scope, "user_id", None)
        entry = AuditEntry(
            self.context.new_id(), self.caller.actor, action, *target, user_id=user_id, request_id=self.request_id
        )
        job_id: UUID | None = detail.pop("job_id", None)
        audit.add(conn, scope, replace(entry, detail=detail, job_id=job_id))


IdempotencyKey = Annotated[
    str | None,
    Header(
        alias=HEADER,
        pattern=r"^[\x21-\x7e]{1,255}$",
        description="the same key with the same request gives the first answer again",
    ),
]


async def read_edge(request: Request) -> Edge:
    """The edge of a request that reads."""
    return _edge(request, None)


async def write_edge(request: Request, idempotency_key: IdempotencyKey = None) -> Edge:
    """The edge of a request that writes; its Idempotency-Key is part of it."""
    return _edge(request, idempotency_key)


def _edge(request: Request, key: str | None) -> Edge:
    target = request.scope.get("raw_path") or request.scope["path"].encode()
    query: bytes = request.scope["query_string"]
    whole = target.split(b"?", 1)[0] + (b"?" + query if query else b"")
    return Edge(
        context=request.app.state.context,
        after=request.app.state.after,
        caller=request.state.caller,
        request_id=request.state.request_id,
        write_request=WriteRequest.of(
            key, request.state.secret, request.method, whole, getattr(request.state, "body", b"")
        ),
    )


ReadEdge = Annotated[Edge, Depends(read_edge)]
WriteEdge = Annotated[Edge, Depends(write_edge)]


def router(tag: str) -> APIRouter:
    """A router whose routes pass the gate."""
    return APIRouter(route_class=GatedRoute, tags=[tag])


# A file, as every generator of clients understands it (RELIABILITY 4.2: line-wise JSON and multipart are not).
FILE = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}


def operation(  # noqa: PLR0913 - what a route declares
    operation_id: str,
    scope: KeyScope,
    method: str,
    *errors: int,
    body: bool = False,
    idempotent: bool = True,
    file: bool = False,
) -> dict[str, Any]:
    """Keyword arguments of a route: its id, the scope that its key needs, and every error that it can answer. With
    `file` the body is a file that the handler reads itself.
    """
    statuses = {*COMMON_ERRORS, *errors}
    if method in WRITES:
        statuses |= {400, 408, 413} | ({409} if idempotent else set())
    if body:
        statuses |= set(BODY_ERRORS)
    extra: dict[str, Any] = {SCOPE_FIELD: scope.value, "x-mneme-errors": sorted(statuses)}
    if file:
        extra |= {BINARY_FIELD: True, "requestBody": {"required": True, "content": FILE}}
    return {"operation_id": operation_id, "methods": [method], "openapi_extra": extra}


def answer(model: BaseModel, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A read's answer as bytes; the declared response model is what it is made from."""
    return Reply(model, status, headers or {}).response()
