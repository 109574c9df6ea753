"""Users and their sessions."""

from app.domain.health import Health
from app.http.schemas.event import EventAnswer
from app.http.schemas.fields import AnswerModel, Moment


class GrowthAnswer(AnswerModel):
    """Active memories of now that were not active `days` ago, those of then that are not now, and the net a day."""

    days: int
    added: int
    gone: int
    per_day: float


class MeasuredHealth(AnswerModel):
    """Health as measured at `measured_at`, a moment after changes and daily. All but `active` and `growth` is counted
    over the `measured` newest active memories, shares are of these. What counts is in docs/operations.md.
    """

    measured_at: Moment
    active: int
    measured: int
    duplicates: int
    duplicate_share: float
    repeated: int
    junk: int
    junk_share: float
    stale: int
    stale_share: float
    growth: list[GrowthAnswer]

    @classmethod
    def of(cls, health: Health) -> "MeasuredHealth":
        """A measurement, as answers show it."""
        return cls(
            measured_at=health.measured_at,
            active=health.active,
            measured=health.measured,
            duplicates=health.duplicates,
            duplicate_share=round(health.share(health.duplicates), 4),
            repeated=health.repeated,
            junk=health.junk,
            junk_share=round(health.share(health.junk), 4),
            stale=health.stale,
            stale_share=round(health.share(health.stale), 4),
            growth=[
                GrowthAnswer(days=g.days, added=g.added, gone=g.gone, per_day=round(g.per_day, 3))
                for g in health.growth
            ],
        )


class UserHealth(AnswerModel):
    """Memories counted now by status and type, and their health as last measured (null before the first time)."""

    memories: dict[str, dict[str, int]]
    measured: MeasuredHealth | None


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
    health: UserHealth


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
