"""What is derived from a user's memories (scenes and blocks), made anew and read."""

from app.domain.blocks import ShownBlock, block_lines
from app.domain.scenes import hot, scenes_of
from app.domain.scope import UserScope
from app.domain.work import WorkKind
from app.services import users
from app.services.policy import effective
from app.storage import blocks, changes, reflections, scenes, tidying, work
from app.storage.db import Connection

MOST_MEMORIES = 3_000  # of a user: the newest; when no two of them are near, gathering them takes half a second


def tidy(conn: Connection, scope: UserScope, *, model: str) -> None:
    """Make the user's scenes and blocks those of the memories that are active now, and withdraw reflections on what has
    ended; a second run changes nothing.

    It holds the user's lock, so that what it reads is whole. `model` is the fingerprint of the encoder in use.
    """
    changes.lock_user(conn, scope)
    if reflections.withdraw(conn, scope):
        work.enqueue(conn, scope, WorkKind.INDEX)
    policy = effective(conn, scope)
    kept = tidying.active(conn, scope, model, limit=MOST_MEMORIES)
    gathered = scenes_of(kept, policy.scenes)
    scenes.replace(conn, scope, model, gathered)
    blocks.replace(conn, scope, block_lines(kept, policy.blocks, hot(gathered, policy.scenes)))


def page(conn: Connection, scope: UserScope, *, after: tuple[str, str] | None, limit: int) -> list[ShownBlock]:
    """Blocks of a user, those of the whole user first; raises NotFoundError for one that was never heard of."""
    users.check(conn, scope)
    return blocks.page(conn, scope, after=after, limit=limit)
