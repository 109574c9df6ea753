"""What other stores than PostgreSQL hold of an erased user or source, for the verification of an erasure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from app.domain.erasure import Erasure, TargetKind
from app.domain.scope import UserScope
from app.index.protocol import IndexUnavailableError, MemoryIndex
from app.services.collections import LiveCollection
from app.services.erasures import Verification
from app.storage import points
from app.storage.db import Connection


@dataclass(frozen=True, slots=True)
class Outside:
    """The user's points (None: the index does not answer), and how many keys of Redis name the user."""

    points: Sequence[UUID] | None
    keys: int | None


def points_of(index: MemoryIndex | None, live: LiveCollection, scope: UserScope) -> list[UUID] | None:
    """Ids of all points of the user in the live and in building collections."""
    if index is None:
        return None
    try:
        return [key.id for c in live.targets().writable for key in index.scroll(c.name, scope)]
    except IndexUnavailableError:
        return None


def complete(
    conn: Connection, scope: UserScope, seen: Verification, erasure: Erasure, outside: Outside
) -> Verification:
    """The verification with points that no row stands for, and keys that name an erased user."""
    found = dict(seen.found)
    stray = len(points.gone(conn, scope, list(outside.points or ())))
    if stray:
        found["index"] = stray
    if erasure.target_kind == TargetKind.USER and outside.keys:
        found["redis"] = outside.keys
    return replace(seen, found=found)
