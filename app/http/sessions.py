"""`/v1/sessions`: the conversations of a user; each route takes `user_id`, because session ids repeat among users."""

from datetime import datetime

from starlette.responses import Response

from app.domain.access import KeyScope
from app.domain.erasure import TargetKind
from app.http.deps import ReadEdge, WriteEdge, answer, operation, router
from app.http.erasures import erase, order_of
from app.http.events import event_answer
from app.http.masking import masker
from app.http.paging import Cursor, Limit, Page
from app.http.schemas.fields import AppId
from app.http.schemas.user import SessionAnswer, SessionDetail, SessionPage
from app.http.users import AppIdPath
from app.services import erasures, sessions
from app.storage import outcomes
from app.storage.sessions import Session

api = router("sessions")


@api.api_route("/v1/sessions", response_model=SessionPage, **operation("sessions_list", KeyScope.MEMORIES_READ, "GET"))
def list_page(edge: ReadEdge, user_id: AppId, limit: Limit = None, cursor: Cursor = None) -> Response:
    """Sessions of a user, the latest spoken first."""
    scope = edge.caller.user(user_id)
    page = Page(edge.caller, "sessions", {"user": user_id}, limit, cursor)
    after = page.after(datetime, str)
    with edge.read(scope) as conn:
        found = sessions.page(conn, scope, after=(after[0], after[1]) if after else None, limit=page.limit + 1)
    kept, next_cursor = page.cut(found, lambda session: (session.last_at, session.session_id))
    items = [session_answer(session) for session in kept if not edge.caller.hides(session.session_id)]
    return answer(SessionPage(items=items, next_cursor=next_cursor))


@api.api_route(
    "/v1/sessions/{session_id}",
    response_model=SessionDetail,
    **operation("sessions_get", KeyScope.MEMORIES_READ, "GET", 404),
)
def get(edge: ReadEdge, session_id: AppIdPath, user_id: AppId) -> Response:
    """One session with its summary and its last turns."""
    scope = edge.caller.user(user_id, session_id)
    with edge.read(scope) as conn:
        found, summary, last = sessions.get(conn, scope, session_id)
        effects = outcomes.of_events(conn, scope, [event.id for event in last])
        hide = masker(conn, scope)
    return answer(
        SessionDetail(
            **session_answer(found).model_dump(),
            summary=summary if summary is None else hide(summary),
            last_events=[event_answer(event, effects[event.id], hide) for event in last],
        )
    )


@api.api_route(
    "/v1/sessions/{session_id}",
    status_code=204,
    **operation("sessions_delete", KeyScope.MEMORIES_WRITE, "DELETE", 404),
)
def delete(edge: WriteEdge, session_id: AppIdPath, user_id: AppId) -> Response:
    """Delete a session: its turns, and the memories that rest on nothing else. The receipt is at the `Location`."""
    scope = edge.caller.user(user_id, session_id)
    order = order_of(edge, TargetKind.SESSION, session_id)
    return erase(
        edge, scope, order, lambda c, o, key: erasures.session(c, scope, o, key), body=False, audit="session.delete"
    )


def session_answer(session: Session) -> SessionAnswer:
    """A session as it is shown."""
    return SessionAnswer(
        user_id=session.user_id,
        session_id=session.session_id,
        agent_id=session.agent_id,
        events=session.events,
        first_at=session.first_at,
        last_at=session.last_at,
        created_at=session.created_at,
    )
