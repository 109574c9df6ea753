"""`/v1/memories/{id}/feedback`: what users say of a memory, with its effect, and the list of it."""

from datetime import datetime
from uuid import UUID

from starlette.responses import Response

from app.domain.access import KeyScope
from app.domain.feedback import Feedback
from app.http.deps import ReadEdge, WriteEdge, answer, operation, router
from app.http.idempotency import Reply
from app.http.masking import Mask, masker
from app.http.memory_answers import memory_answer, view
from app.http.paging import Cursor, Limit, Page
from app.http.schemas.feedback import FeedbackAnswer, FeedbackCreate, FeedbackGiven, FeedbackPage
from app.services import feedback, memories
from app.services.feedback import Said
from app.storage.db import Connection

api = router("memories")


@api.api_route(
    "/v1/memories/{memory_id}/feedback",
    response_model=FeedbackGiven,
    **operation("memories_feedback", KeyScope.MEMORIES_WRITE, "POST", 404, body=True),
)
def give(edge: WriteEdge, memory_id: UUID, body: FeedbackCreate) -> Response:
    """Say that a memory helped, is wrong, is outdated or is private. Nothing is deleted by it.

    `helpful` and `used` count as a use; one that decay had archived comes back. `wrong` halves the confidence and flags
    the memory, the second one ends it. `outdated` ends it today.
    `private` archives it: recall leaves it out, also from earlier points of view, unless `include_archived`.
    """
    scope = edge.caller.reach(body.user_id)
    said = Said(edge.context.new_id(), body.signal, body.note, body.query)

    def store(conn: Connection) -> Reply:
        edge.caller.see(memories.get(conn, scope, memory_id).session_id, "memory")
        given = feedback.give(conn, scope, memory_id, said, edge.context.clock(), actor=edge.caller.actor)
        user = edge.caller.user(given.memory.user_id)
        done = {"signal": body.signal, "effect": given.effect, "feedback_id": str(said.id)}
        versions = {"version_before": given.version_before, "version": given.memory.version}
        edge.audit(conn, user, "memory.feedback", ("memory", str(memory_id)), **done, **versions)
        seen = view(conn, scope, edge.context.clock())
        shown = feedback_answer(given.feedback, seen.hide)
        return Reply(FeedbackGiven(memory=memory_answer(given.memory, seen), feedback=shown, effect=given.effect))

    response = edge.write(scope, store)
    edge.context.hints.send(memories.INDEX)
    return response


@api.api_route(
    "/v1/memories/{memory_id}/feedback",
    response_model=FeedbackPage,
    **operation("memories_feedback_list", KeyScope.MEMORIES_READ, "GET", 404),
)
def list_page(edge: ReadEdge, memory_id: UUID, limit: Limit = None, cursor: Cursor = None) -> Response:
    """What was said of a memory."""
    scope = edge.caller.reach()
    page = Page(edge.caller, "feedback", {"memory": memory_id}, limit, cursor)
    after = page.after(datetime, UUID)
    with edge.read(scope) as conn:
        edge.caller.see(memories.get(conn, scope, memory_id).session_id, "memory")
        position = (after[0], after[1]) if after else None
        found = feedback.page(conn, scope, memory_id, after=position, limit=page.limit + 1)
        hide = masker(conn, scope)
    kept, next_cursor = page.cut(found, lambda said: (said.created_at, said.id))
    return answer(FeedbackPage(items=[feedback_answer(said, hide) for said in kept], next_cursor=next_cursor))


def feedback_answer(said: Feedback, hide: Mask) -> FeedbackAnswer:
    """Feedback as it is shown."""
    return FeedbackAnswer(
        id=said.id,
        memory_id=said.memory_id,
        user_id=said.user_id,
        signal=said.signal,
        note=said.note if said.note is None else hide(said.note),
        query=said.query if said.query is None else hide(said.query),
        created_at=said.created_at,
    )
