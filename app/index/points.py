"""The only place where filters and payloads of the index are built; both adapters merely translate what is made here.

Each builder takes a UserScope and refuses anything else, so a search or a write without project and user cannot be
expressed. Payloads hold ids, scope, kinds and times, never text.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt

from app.domain.scope import UserScope
from app.domain.sparse import SparseVector
from app.index.protocol import IndexFilter, IndexPoint, IndexQuery, PointKey, PointKind, Signal

TENANT = "tenant"  # project and user in one keyword: the tenant index keeps a user's points together
KEYWORDS = ("kind", "session", "agent", "type", "status")
TIMES = ("occurred", "live_from", "live_until")  # epoch seconds; a missing live_until means still live
# With these fields indexed a filtered search over a user of 10,000 points takes 2 ms instead of 20 (qdrant-edge 0.9,
# two cores), for 0.7 ms more per 64 points written.
IDENTITY = ("project", TENANT, "kind", "version")  # what a hit or a key is read back from

Vector = npt.NDArray[np.float32]

_PROJECT_WIDTH = 36  # a UUID as text; what follows it and one slash is the user's id, whatever that contains


@dataclass(frozen=True, slots=True)
class OneOf:
    """The field has one of these values."""

    key: str
    values: frozenset[str]


@dataclass(frozen=True, slots=True)
class Between:
    """The field lies in the range; a missing field never does."""

    key: str
    gte: float | None = None
    gt: float | None = None
    lte: float | None = None
    lt: float | None = None


@dataclass(frozen=True, slots=True)
class Absent:
    """The field is not there."""

    key: str


@dataclass(frozen=True, slots=True)
class Ids:
    """The point is one of these."""

    ids: frozenset[UUID]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one of the conditions holds."""

    conditions: tuple["Condition", ...]


Condition = OneOf | Between | Absent | Ids | AnyOf


@dataclass(frozen=True, slots=True)
class UserFilter:
    """Points of one user, narrowed by further conditions. The adapters take filters in this form only."""

    scope: UserScope
    narrowing: tuple[Condition, ...] = ()

    def __post_init__(self) -> None:
        tenant(self.scope)

    @property
    def must(self) -> tuple[Condition, ...]:
        """All conditions, the user's own first."""
        return (OneOf(TENANT, frozenset({tenant(self.scope)})), *self.narrowing)


def tenant(scope: UserScope) -> str:
    """Project and user as one unambiguous keyword; TypeError for a wider scope or none."""
    if not isinstance(scope, UserScope) or not isinstance(scope.project_id, UUID) or not scope.user_id:
        raise TypeError(f"the index is searched and written for one user of one project, not for {scope!r}")
    return f"{scope.project_id}/{scope.user_id}"


def of_user(scope: UserScope) -> UserFilter:
    """All points of the user."""
    return UserFilter(scope)


def of_ids(scope: UserScope, ids: Iterable[UUID]) -> UserFilter:
    """Those of the user's points that have these ids."""
    return UserFilter(scope, (Ids(frozenset(ids)),))


def narrowed(scope: UserScope, by: IndexFilter) -> UserFilter:
    """The user's points that satisfy the filter of a query."""
    found: list[Condition] = []
    if by.kinds:
        found.append(OneOf("kind", frozenset(kind.value for kind in by.kinds)))
    for key, wanted in (("session", by.session_ids), ("agent", by.agent_ids)):
        if wanted:
            found.append(OneOf(key, wanted))
    for key, wanted in (("type", by.types), ("status", by.statuses)):
        if wanted:
            found.append(AnyOf((OneOf("kind", frozenset({PointKind.EVENT.value})), OneOf(key, wanted))))
    if by.occurred_from is not None or by.occurred_to is not None:
        found.append(Between("occurred", gte=_optional(by.occurred_from), lt=_optional(by.occurred_to)))
    if by.live_at is not None:
        at = _seconds(by.live_at)
        found.append(Between("live_from", lte=at))
        found.append(AnyOf((Absent("live_until"), Between("live_until", gt=at))))
    return UserFilter(scope, tuple(found))


def payload(scope: UserScope, point: IndexPoint) -> dict[str, Any]:
    """What is stored beside the vectors; fields without a value are left out."""
    fields = {
        TENANT: tenant(scope),
        "project": str(scope.project_id),
        "kind": point.kind.value,
        "version": point.version,
        "session": point.session_id,
        "agent": point.agent_id,
        "type": point.type,
        "status": point.status,
        "occurred": _seconds(point.occurred_at),
        "live_from": _seconds(point.live_from),
        "live_until": _optional(point.live_until),
    }
    return {key: value for key, value in fields.items() if value is not None}


def checked(points: Iterable[IndexPoint], dimension: int | None = None) -> list[IndexPoint]:
    """The points as a list; ValueError for a dense vector that is not finite or not of the collection's dimension.

    The in-process engine must never see one: it takes such a write apart, fails, and has lost the stored vector.
    """
    points = list(points)
    for point in points:
        if point.dense is None:
            continue
        if point.dense.ndim != 1 or dimension not in {None, len(point.dense)} or not np.isfinite(point.dense).all():
            raise ValueError(f"point {point.id}: not a finite vector of {dimension} numbers: {point.dense.shape}")
    return points


def signals(query: IndexQuery) -> list[tuple[Signal, Vector | SparseVector]]:
    """What the query asks for; a lexical signal without terms finds nothing and is left out."""
    wanted: list[tuple[Signal, Vector | SparseVector]] = []
    if query.dense is not None:
        wanted.append((Signal.DENSE, query.dense))
    for signal, terms in ((Signal.TEXT, query.text), (Signal.WINDOW, query.window)):
        if terms is not None and len(terms.indices):
            wanted.append((signal, terms))
    return wanted


def key(identity: UUID, stored: Mapping[str, Any]) -> PointKey:
    """Whose point it is and in which version, read back from its payload."""
    owner = UserScope(UUID(stored["project"]), stored[TENANT][_PROJECT_WIDTH + 1 :])
    return PointKey(owner, identity, int(stored["version"]))


def _seconds(moment: datetime) -> float:
    if moment.tzinfo is None:
        raise ValueError("an instant needs its UTC offset")
    return moment.timestamp()


def _optional(moment: datetime | None) -> float | None:
    return None if moment is None else _seconds(moment)
