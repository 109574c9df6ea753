"""Users, as far as a project knows them."""

from datetime import datetime
from uuid import UUID

from app.domain.health import Health
from app.domain.scope import UserScope
from app.errors import NotFoundError
from app.storage import health, user_lists, users
from app.storage.db import Connection
from app.storage.users import UserOverview


def check(conn: Connection, scope: UserScope) -> None:
    """Raises NotFoundError for a user that was never heard of."""
    if not users.known(conn, scope):
        raise NotFoundError("There is no such user.")


def overview(conn: Connection, scope: UserScope, now: datetime) -> UserOverview:
    """What is kept of this user, counted as of `now`; raises NotFoundError for one that was never heard of."""
    found = users.overview(conn, scope, now)
    if found is None:
        raise NotFoundError("There is no such user.")
    return found


def measured_health(conn: Connection, scope: UserScope) -> Health | None:
    """The health of the user's memories as last measured; None when it never was."""
    return health.last(conn, scope)


def entities(
    conn: Connection, scope: UserScope, *, after: tuple[str, UUID] | None, limit: int
) -> list[user_lists.NamedEntity]:
    """What the user's active memories name; raises NotFoundError for a user that was never heard of."""
    check(conn, scope)
    return user_lists.entities(conn, scope, after=after, limit=limit)


def timeline(
    conn: Connection, scope: UserScope, *, after: tuple[str, UUID] | None, limit: int
) -> list[user_lists.Moment]:
    """Active memories in order of the time that they speak of; raises NotFoundError for an unknown user."""
    check(conn, scope)
    return user_lists.timeline(conn, scope, after=after, limit=limit)
