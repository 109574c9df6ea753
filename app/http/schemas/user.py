"""Users and their sessions."""

from app.http.schemas.event import EventAnswer
from app.http.schemas.fields import AnswerModel, Moment


class UserAnswer(AnswerModel):
    """What is kept of one user, counted; `memories` by status."""

    user_id: str
    sessions: int
    events: int
    pending: int
    failed: int
    memories: dict[str, int]
    first_at: Moment | None
    last_at: Moment | None


class SessionAnswer(AnswerModel):
    """One conversation."""

    user_id: str
    session_id: str
    agent_id: str | None
    events: int
    first_at: Moment
    last_at: Moment
    created_at: Moment


class SessionDetail(SessionAnswer):
    """One conversation with its summary (once there is one) and its last turns."""

    summary: str | None
    last_events: list[EventAnswer]


class SessionPage(AnswerModel):
    """Sessions, the latest spoken first."""

    items: list[SessionAnswer]
    next_cursor: str | None
