"""Scenes of a user as lists show them, with their heat."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.domain.scenes import heat
from app.domain.scope import UserScope
from app.services import users
from app.services.policy import effective
from app.storage import scenes
from app.storage.db import Connection
from app.storage.scenes import StoredScene


@dataclass(frozen=True, slots=True)
class WarmScene:
    """A scene with its heat now."""

    scene: StoredScene
    heat: float


def page(conn: Connection, scope: UserScope, *, after: tuple[datetime, UUID] | None, limit: int) -> list[WarmScene]:
    """Scenes, the latest first; raises NotFoundError for a user that was never heard of."""
    users.check(conn, scope)
    policy = effective(conn, scope).scenes
    return [
        WarmScene(scene, round(heat(scene.visits, len(scene.memory_ids), scene.last_at, scene.latest, policy), 4))
        for scene in scenes.page(conn, scope, after=after, limit=limit)
    ]
