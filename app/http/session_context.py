"""`GET /v1/sessions/{id}/context`: everything that the next turn of a session needs, in one call without a question.

The last turn that the user said is the question. The edge of the steps of a recall, like `recall`.
"""

from dataclasses import replace
from functools import partial
from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from app.domain.access import KeyScope
from app.domain.event import Role
from app.domain.packing import Section
from app.domain.query import Format, Narrowing, RecallQuery
from app.http import recall, recall_steps
from app.http.after import Served
from app.http.deps import ReadEdge, operation, router
from app.http.schemas.fields import AppId
from app.http.schemas.recall import QUERY_LIMIT, RecallAnswer, RecallFormat
from app.http.users import AppIdPath
from app.services import served, sessions

NOTHING_SAID = "hello"  # a session whose last turns are silent tools: what matters in general

api = router("sessions")


@api.api_route(
    "/v1/sessions/{session_id}/context",
    response_model=RecallAnswer,
    **operation("sessions_context", KeyScope.RECALL, "GET", 404),
)
def context(  # noqa: PLR0913, PLR0917 - the parameters of the route
    edge: ReadEdge,
    session_id: AppIdPath,
    user_id: AppId,
    max_tokens: Annotated[int | None, Query(ge=16, le=200_000, description="1,000 unless told")] = None,
    format: Annotated[RecallFormat | None, Query(description="text unless told")] = None,  # noqa: A002 - its name
    tokenizer: Annotated[str | None, Query(min_length=1, max_length=128)] = None,
) -> Response:
    """Profile, summary and last turns of the session, and what matters for the turn that the user said last."""
    scope = edge.caller.user(user_id, session_id)
    with edge.read(scope) as conn:
        _, _, last = sessions.get(conn, scope, session_id)
    said = [event for event in last if event.content.strip()]
    mine = [event for event in said if event.role is Role.USER] or said
    query = RecallQuery(
        scope=scope,
        text=mine[-1].content[:QUERY_LIMIT] if mine else NOTHING_SAID,
        now=edge.context.clock(),
        session_id=session_id,
        max_tokens=max_tokens or recall.MAX_TOKENS,
        format=Format(format.value) if format else Format.TEXT,
        tokenizer=tokenizer or "",
        narrowing=Narrowing(session_id=edge.caller.session(None)),  # a key bound to a session sees that one alone
    )
    seconds: dict[str, float] = {}
    early = recall_steps.begin(edge, query)
    result = recall.run(edge, query, recall.prepare(edge, query, seconds, early), seconds, early)
    in_tail = {id_ for part in result.context.sections if part.name == Section.TAIL.value for id_ in part.ids}
    result = replace(result, items=[item for item in result.items if str(item.id) not in in_tail])
    hashes = partial(served.hashes_of, result, query.format)
    edge.after.note(Served(scope, edge.context.clock(), result.used_ids, hashes))
    return Response(recall.body_of(result), media_type="application/json")
