"""What is derived from a user's memories (blocks), made anew and read."""

from app.domain.blocks import ShownBlock, block_lines
from app.domain.scope import UserScope
from app.services import users
from app.services.policy import effective
from app.storage import blocks, changes, tidying
from app.storage.db import Connection

MOST_MEMORIES = 5_000  # of a user: the newest; they are read and compared within about half a second


def tidy(conn: Connection, scope: UserScope, *, model: str) -> None:
    """Make the user's blocks those of the memories that are active now; a second run changes nothing.

    It holds the user's lock, so that what it reads is whole. `model` is the fingerprint of the encoder in use.
    """
    changes.lock_user(conn, scope)
    policy = effective(conn, scope)
    kept = tidying.active(conn, scope, model, limit=MOST_MEMORIES)
    blocks.replace(conn, scope, block_lines(kept, policy.blocks))


def page(conn: Connection, scope: UserScope, *, after: tuple[str, str] | None, limit: int) -> list[ShownBlock]:
    """Blocks of a user, those of the whole user first; raises NotFoundError for one that was never heard of."""
    users.overview(conn, scope)
    return blocks.page(conn, scope, after=after, limit=limit)
