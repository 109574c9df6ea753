"""The index port: what a store of searchable points must do. Implemented by `edge` and `server`; used by recall and the
index stage. The index is derived from PostgreSQL and holds ids, scope, kinds and times, never text.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

import numpy as np
import numpy.typing as npt

from app.domain.fusion import Evidence
from app.domain.scope import UserScope
from app.domain.sparse import SparseVector


class PointKind(StrEnum):
    EVENT = "event"
    MEMORY = "memory"


class Signal(StrEnum):
    """The named vectors of a point."""

    DENSE = "dense"  # the encoder's vector, cosine
    TEXT = "text"  # BM25 of the text itself
    WINDOW = "window"  # BM25 of a turn with its neighbours (events only)


@dataclass(frozen=True, slots=True)
class IndexPoint:
    """One searchable row. `version` is that of the row in PostgreSQL; times are instants."""

    id: UUID
    kind: PointKind
    version: int
    session_id: str | None
    agent_id: str | None
    type: str | None  # a memory's type; None for events
    status: str  # a memory's status; an event's role
    occurred_at: datetime
    live_from: datetime
    live_until: datetime | None
    dense: npt.NDArray[np.float32] | None
    text: SparseVector | None
    window: SparseVector | None = None


@dataclass(frozen=True, slots=True)
class IndexFilter:
    """Narrowing on top of the scope; None or empty means no narrowing. Ranges are half-open [from, to).

    `live_at` keeps points with live_from <= live_at and (live_until is None or live_until > live_at).
    """

    kinds: frozenset[PointKind] = frozenset()
    session_ids: frozenset[str] = frozenset()
    agent_ids: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()  # applies to memories only: events pass
    statuses: frozenset[str] = frozenset()  # applies to memories only: events pass
    occurred_from: datetime | None = None
    occurred_to: datetime | None = None
    live_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class IndexQuery:
    """What to look for: any of the signals, best `limit` of each. The scope is not optional."""

    scope: UserScope
    dense: npt.NDArray[np.float32] | None = None
    text: SparseVector | None = None  # term ids with weight 1; used for TEXT
    window: SparseVector | None = None  # the same for WINDOW
    filter: IndexFilter = field(default_factory=IndexFilter)
    limit: int = 100


@dataclass(frozen=True, slots=True)
class PointKey:
    """Identity of a point, for reconciliation."""

    scope: UserScope
    id: UUID
    version: int


class IndexUnavailableError(Exception):
    """The store behind the port cannot answer now; recall falls back to PostgreSQL, the index stage waits."""


class CollectionNotFoundError(IndexUnavailableError):
    """There is no collection of that name (any more): read the live one's name again, or fall back as above."""


class MemoryIndex(Protocol):
    """A set of collections, one of which callers name on every call; the live one's name is a row in PostgreSQL.

    Every method may raise IndexUnavailableError. All are safe to call from several threads.
    """

    def ensure(self, collection: str, dimension: int) -> None:
        """Create the collection if it is not there (dense of `dimension`, text, window; payload indexes)."""

    def drop(self, collection: str) -> None:
        """Remove the collection and its files; no error if it is not there."""

    def collections(self) -> list[str]:
        """Names of all collections that exist."""

    def upsert(self, collection: str, scope: UserScope, points: Sequence[IndexPoint]) -> None:
        """Write the points durably; an existing id is replaced."""

    def delete(self, collection: str, scope: UserScope, ids: Sequence[UUID]) -> None:
        """Remove these points of this user; ids of other users are left alone."""

    def delete_user(self, collection: str, scope: UserScope) -> None:
        """Remove all points of this user."""

    def search(self, collection: str, query: IndexQuery) -> dict[UUID, Evidence]:
        """The union of the top `limit` of each given signal, in one round trip: by candidate the raw score of every
        signal in whose list it was (cosine; BM25 with the user's IDF).
        """

    def search_each(self, collection: str, queries: Sequence[IndexQuery]) -> list[dict[int, Evidence]]:
        """The same for several queries in one round trip, with candidates by the numbers of their ids."""

    def count(self, collection: str, scope: UserScope | None = None) -> int:
        """Exact number of points, of one user or of all."""

    def scroll(self, collection: str, scope: UserScope | None = None) -> Iterator[PointKey]:
        """Every point's identity, of one user or of all (for reconciliation only)."""

    def vectors(self, collection: str, scope: UserScope, ids: Sequence[UUID]) -> dict[UUID, npt.NDArray[np.float32]]:
        """The stored dense vectors of these points of this user (to verify a rebuild)."""

    def maintain(self, collection: str) -> None:
        """Merge segments and drop deleted points; called by maintenance only."""

    def close(self) -> None:
        """Release everything."""
