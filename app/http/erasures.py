"""`/v1/erasures`, and the deletion of users and events: each leaves a receipt. Sessions and memories are deleted by
their own routes, through `erase`.
"""

import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query
from starlette.responses import Response

from app.domain.access import KeyScope
from app.domain.erasure import Erasure, Order, TargetKind
from app.domain.erasure import signature as signed
from app.domain.scope import Scope, UserScope
from app.domain.work import WorkKind
from app.errors import FieldError, InvalidInputError
from app.http.deps import Edge, ReadEdge, WriteEdge, answer, operation, router
from app.http.idempotency import Reply
from app.http.paging import Cursor, Limit, Page
from app.http.schemas.erasure import (
    ErasureAnswer,
    ErasureCreate,
    ErasurePage,
    ErasureState,
    ErasureTarget,
    VerificationAnswer,
)
from app.http.schemas.fields import AppId
from app.http.users import AppIdPath
from app.services import erasure_verification, erasures, events
from app.services.erasure_verification import Outside
from app.services.erasures import Source
from app.storage import erasures as store
from app.storage.db import Connection

KEY_BYTES = 32

api = router("erasures")

Action = Callable[[Connection, Order, bytes], Erasure]


def erase(  # noqa: PLR0913 - what is erased, and how it is answered
    edge: Edge, scope: Scope, order: Order, action: Action, *, body: bool = True, audit: str | None = None
) -> Response:
    """Run an erasure in one transaction, note it outside of the database, and answer: with the receipt, or with 204 and
    where it is.
    """
    made: list[tuple[Erasure, dict[str, object]]] = []

    def write(conn: Connection) -> Reply:
        receipt = action(conn, order, secrets.token_bytes(KEY_BYTES))
        made.append((receipt, erasures.entry(conn, receipt, scope.project_id)))
        counts = {name: receipt.counts.get(name, 0) for name in ("events", "memories")}
        target = ("erasure", str(receipt.id)) if audit is None else (order.kind.value, order.target_id)
        about = edge.caller.project if order.kind is TargetKind.USER else UserScope(scope.project_id, receipt.user_id)
        edge.audit(conn, about, audit or f"{order.kind.value}.erase", target, erasure_id=str(receipt.id), **counts)
        where = {"Location": f"/v1/erasures/{receipt.id}"}
        return Reply(erasure_answer(conn, scope, receipt), 202, where) if body else Reply(None, 204, where)

    response = edge.write(scope, write)
    for receipt, entry in made:
        edge.context.erasure_log.append(entry)
        edge.context.memo.forget(UserScope(scope.project_id, receipt.user_id))
    edge.context.hints.send(WorkKind.INDEX)
    edge.context.hints.send(WorkKind.JOB)
    return response


def order_of(edge: Edge, kind: TargetKind, target_id: str, *, derived_only: bool = False) -> Order:
    """A fresh order of this caller."""
    return Order(edge.context.new_id(), kind, target_id, edge.caller.actor, derived_only=derived_only)


@api.api_route(
    "/v1/users/{user_id}",
    response_model=ErasureAnswer,
    status_code=202,
    **operation("users_delete", KeyScope.MEMORIES_WRITE, "DELETE", 404),
)
def delete_user(edge: WriteEdge, user_id: AppIdPath) -> Response:
    """Erase a user: everything that was said, understood and derived. From the answer on nothing of it is shown; the
    receipt at the `Location` says when every store is rid of it. Events of later are those of a new user.
    """
    edge.caller.whole_user()
    scope = edge.caller.user(user_id)
    edge.after.flush({scope})
    return erase(
        edge, scope, order_of(edge, TargetKind.USER, user_id), lambda c, order, key: erasures.user(c, scope, order, key)
    )


@api.api_route(
    "/v1/events/{event_id}",
    response_model=ErasureAnswer,
    status_code=202,
    **operation("events_delete", KeyScope.MEMORIES_WRITE, "DELETE", 404),
)
def delete_event(edge: WriteEdge, event_id: UUID) -> Response:
    """Erase one event, and the memories that rest on nothing else; others keep the words of their other sources."""
    scope = edge.caller.reach()

    def act(conn: Connection, order: Order, key: bytes) -> Erasure:
        found, _ = events.get(conn, scope, event_id)
        edge.caller.see(found.session_id, "event")
        return erasures.event(conn, scope, event_id, order, key)

    return erase(edge, scope, order_of(edge, TargetKind.EVENT, str(event_id)), act)


@api.api_route(
    "/v1/erasures",
    response_model=ErasureAnswer,
    status_code=202,
    **operation("erasures_create", KeyScope.MEMORIES_WRITE, "POST", 404, body=True),
)
def create(edge: WriteEdge, body: ErasureCreate) -> Response:
    """Erase an event, a session, or what came from a source; with `derived_only` what was made of it alone."""
    given = [name for name in ("event_id", "session_id", "source") if getattr(body, name) is not None]
    if len(given) != 1:
        field = FieldError("/event_id", "is needed, or session_id, or source, and only one of them", "one_of")
        raise InvalidInputError("Say what to erase: one of event_id, session_id, source.", errors=(field,))
    scope = edge.caller.user(body.user_id, body.session_id)
    derived = bool(body.derived_only)
    if body.event_id is not None:
        event_id = body.event_id

        def of_event(conn: Connection, order: Order, key: bytes) -> Erasure:
            found, _ = events.get(conn, scope, event_id)
            edge.caller.see(found.session_id, "event")
            return erasures.event(conn, scope, event_id, order, key)

        return erase(edge, scope, order_of(edge, TargetKind.EVENT, str(event_id), derived_only=derived), of_event)
    if body.session_id is not None:
        order = order_of(edge, TargetKind.SESSION, body.session_id, derived_only=derived)
        return erase(edge, scope, order, lambda c, order, key: erasures.session(c, scope, order, key))
    edge.caller.whole_user()
    assert body.source is not None  # noqa: S101 - one of the three is given
    asked = body.source
    chosen = Source(asked.agent_id, asked.name, asked.role.value if asked.role else None, asked.metadata or {})
    fields = ",".join(sorted(name for name, value in asked.model_dump().items() if value))
    order = order_of(edge, TargetKind.SOURCE, fields, derived_only=derived)
    return erase(edge, scope, order, lambda c, order, key: erasures.source(c, scope, chosen, order, key))


@api.api_route("/v1/erasures", response_model=ErasurePage, **operation("erasures_list", KeyScope.MEMORIES_READ, "GET"))
def list_page(edge: ReadEdge, user_id: AppId | None = None, limit: Limit = None, cursor: Cursor = None) -> Response:
    """Receipts, the newest first."""
    edge.caller.whole_user()
    scope = edge.caller.reach(user_id)
    page = Page(edge.caller, "erasures", {"user": user_id}, limit, cursor)
    after = page.after(datetime, UUID)
    with edge.read(scope) as conn:
        found = erasures.page(
            conn, scope, user_id=user_id, after=(after[0], after[1]) if after else None, limit=page.limit + 1
        )
        kept, next_cursor = page.cut(found, lambda erasure: (erasure.erased_at, erasure.id))
        items = [erasure_answer(conn, scope, erasure) for erasure in kept]
    return answer(ErasurePage(items=items, next_cursor=next_cursor))


@api.api_route(
    "/v1/erasures/{erasure_id}",
    response_model=ErasureAnswer,
    **operation("erasures_get", KeyScope.MEMORIES_READ, "GET", 404),
)
def get(edge: ReadEdge, erasure_id: UUID) -> Response:
    """The receipt of an erasure."""
    edge.caller.whole_user()
    scope = edge.caller.reach()
    with edge.read(scope) as conn:
        return answer(erasure_answer(conn, scope, erasures.get(conn, scope, erasure_id)))


@api.api_route(
    "/v1/erasures/{erasure_id}/verify",
    response_model=VerificationAnswer,
    **operation("erasures_verify", KeyScope.MEMORIES_READ, "POST", 404),
)
def verify(
    edge: WriteEdge,
    erasure_id: UUID,
    signature: Annotated[
        str | None, Query(pattern="^[0-9a-f]{64}$", description="of a copy of the receipt, to be checked")
    ] = None,
) -> Response:
    """Look again for what was erased: in every table, in the index, and in Redis."""
    edge.caller.whole_user()
    scope = edge.caller.reach()
    with edge.read(scope) as conn:
        erasure = erasures.get(conn, scope, erasure_id)
    user = UserScope(scope.project_id, erasure.user_id)
    others = Outside(
        erasure_verification.points_of(edge.context.index, edge.context.collections, user),
        edge.context.answers.naming(user.user_id),
    )

    def look(conn: Connection) -> Reply:
        seen = erasure_verification.complete(conn, user, erasures.verify(conn, user, erasure), erasure, others)
        store.verified(conn, scope, erasure.id, seen.found)
        shown = erasure_answer(conn, scope, erasure)
        return Reply(
            VerificationAnswer(
                erasure_id=erasure.id,
                clean=not seen.found,
                found=seen.found,
                again=seen.again,
                words=seen.words,
                signature_valid=None
                if signature is None
                else shown.signature is not None and secrets.compare_digest(shown.signature, signature),
            )
        )

    return edge.write(user, look)


def erasure_answer(conn: Connection, scope: Scope, erasure: Erasure) -> ErasureAnswer:
    """A receipt as it is shown; signed once it is final."""
    final = erasure.state == ErasureState.DONE.value
    secret = store.signing_key(conn, secrets.token_bytes(KEY_BYTES)) if final else b""
    return ErasureAnswer(
        id=erasure.id,
        user_id=erasure.user_id,
        target=ErasureTarget(erasure.target_kind),
        target_id=erasure.target_id,
        derived_only=erasure.derived_only,
        reason=erasure.reason,
        state=ErasureState(erasure.state),
        pending=list(erasure.pending),
        counts=erasure.counts,
        stores=erasure.notes,
        created_by=erasure.created_by,
        erased_at=erasure.erased_at,
        finished_at=erasure.finished_at,
        verified_at=erasure.verified_at,
        findings=erasure.findings,
        signature=signed(erasure, scope.project_id, secret) if final else None,
    )
