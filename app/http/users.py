"""`/v1/users/{user_id}`: what is kept of one user, counted."""

from typing import Annotated

from fastapi import Path
from pydantic import AfterValidator
from starlette.responses import Response

from app.domain.access import KeyScope
from app.http.deps import ReadEdge, answer, operation, router
from app.http.schemas.fields import APP_ID_PATTERN, check_app_id
from app.http.schemas.user import MeasuredHealth, UserAnswer, UserHealth
from app.services import users

AppIdPath = Annotated[str, Path(pattern=APP_ID_PATTERN), AfterValidator(check_app_id)]

api = router("users")


@api.api_route(
    "/v1/users/{user_id}", response_model=UserAnswer, **operation("users_get", KeyScope.MEMORIES_READ, "GET", 404)
)
def get(edge: ReadEdge, user_id: AppIdPath) -> Response:
    """Counts of one user, and the health of its memories."""
    edge.caller.whole_user()
    scope = edge.caller.user(user_id)
    with edge.read(scope) as conn:
        found = users.overview(conn, scope, edge.context.clock())
        measured = users.measured_health(conn, scope)
    return answer(
        UserAnswer(
            user_id=user_id,
            sessions=found.sessions,
            events=found.events,
            pending=found.pending,
            failed=found.failed,
            memories={status: sum(types.values()) for status, types in found.memories.items()},
            first_at=found.first_at,
            last_at=found.last_at,
            health=UserHealth(memories=found.memories, measured=MeasuredHealth.of(measured) if measured else None),
        )
    )
