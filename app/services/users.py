"""Users, as far as a project knows them."""

from app.domain.scope import UserScope
from app.errors import NotFoundError
from app.storage import users
from app.storage.db import Connection
from app.storage.users import UserOverview


def overview(conn: Connection, scope: UserScope) -> UserOverview:
    """What is kept of this user, counted; raises NotFoundError for one that was never heard of."""
    found = users.overview(conn, scope)
    if found is None:
        raise NotFoundError("There is no such user.")
    return found
