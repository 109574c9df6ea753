"""The words of Qdrant Edge: collection layout, and translation of filters, points and queries. Used by `edge` alone."""

import zlib
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from operator import attrgetter
from types import TracebackType
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt
import qdrant_edge as qe

from app.domain.scope import UserScope
from app.domain.sparse import SparseVector
from app.index import points
from app.index.protocol import IndexPoint, IndexQuery, IndexUnavailableError, Signal

DENSE = Signal.DENSE.value
number = attrgetter("id.int")  # of a hit's id, which is a UUID here; a function of ours takes twice as long
LAYOUT = "layout-2"  # a file of this name marks a collection whose terms lie in spaces
# Posting lists are shared by all users of a collection, and a user of more than 5,000 points is searched by walking
# them: 17 ms a signal among 1.1 million points. So users are spread over spaces whose terms differ, which divides what
# belongs to others by this number; scores stay the same. One space a user is no quicker and has more lists to hold.
SPACES = 256


class EngineErrors:
    """A block in which the engine's errors become IndexUnavailableError.

    The engine has no error types: it raises plain `Exception`, or pyo3's PanicException (a BaseException). Only these
    two are taken; a TypeError or ValueError is a mistake of ours and stays what it is.
    """

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Translate."""
        if kind is Exception or (kind is not None and kind.__module__ == "pyo3_runtime"):
            raise IndexUnavailableError(f"Qdrant Edge: {error}") from error


def layout(dimension: int) -> qe.EdgeConfig:
    """Write-ahead log on; no graph (m=0): a scan inside the tenant is exact and needs no building.

    `indexing_threshold=0` keeps `optimize` from rewriting segments that have nothing to drop; with the other two it
    drops deleted points whenever there is one (an erased user must not linger), which maintenance alone asks for.
    """
    sparse = qe.EdgeSparseVectorParams(modifier=qe.Modifier.Idf)
    return qe.EdgeConfig(
        vectors={DENSE: qe.EdgeVectorParams(size=dimension, distance=qe.Distance.Cosine)},
        sparse_vectors={Signal.TEXT.value: sparse, Signal.WINDOW.value: sparse},
        hnsw_config=qe.HnswIndexConfig(m=0, ef_construct=100, full_scan_threshold=10_000),
        optimizers=qe.EdgeOptimizersConfig(
            indexing_threshold=0, deleted_threshold=0.0001, vacuum_min_vector_number=1, default_segment_number=1
        ),
        wal_enabled=True,
    )


def payload_indexes() -> Iterator[qe.UpdateOperation]:
    """The operations that make the payload indexes of a new collection."""
    yield qe.UpdateOperation.create_field_index(points.TENANT, qe.KeywordIndexParams(is_tenant=True))
    for name in points.KEYWORDS:
        yield qe.UpdateOperation.create_field_index(name, qe.PayloadSchemaType.Keyword)
    for name in points.TIMES:
        yield qe.UpdateOperation.create_field_index(name, qe.PayloadSchemaType.Float)


@lru_cache(maxsize=4_096)
def conditions(user: points.UserFilter) -> qe.Filter:
    """The only place that makes an engine filter: from one that has a user. The same users ask again and again."""
    return qe.Filter(must=[_condition(one) for one in user.must])


def _condition(one: points.Condition) -> Any:
    if isinstance(one, points.OneOf):
        return qe.FieldCondition(key=one.key, match=qe.MatchAny(sorted(one.values)))
    if isinstance(one, points.Between):
        bounds = qe.RangeFloat(gte=one.gte, gt=one.gt, lte=one.lte, lt=one.lt)
        return qe.FieldCondition(key=one.key, range=bounds)
    if isinstance(one, points.Absent):
        return qe.IsEmptyCondition(one.key)
    if isinstance(one, points.Ids):
        return qe.HasIdCondition(set(one.ids))
    return qe.Filter(should=[_condition(inner) for inner in one.conditions])


def upsert(mine: points.UserFilter, batch: Sequence[IndexPoint]) -> qe.UpdateOperation:
    """Insert, or replace where the stored point is the same user's (another's stays as it is)."""
    space = _space(mine.scope)
    made = [
        qe.Point(id=point.id, vector=_vectors(point, space), payload=points.payload(mine.scope, point))
        for point in batch
    ]
    return qe.UpdateOperation.upsert_points(made, condition=conditions(mine))


def _vectors(point: IndexPoint, space: np.uint32) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if point.dense is not None:
        found[DENSE] = point.dense.tolist()
    for signal, vector in ((Signal.TEXT, point.text), (Signal.WINDOW, point.window)):
        if vector is not None and len(vector.indices):
            found[signal.value] = _sparse(vector, space)
    return found


def _space(scope: UserScope) -> np.uint32:
    """A pattern for the user's term ids; multiplying spreads the numbers of the spaces over all 32 bits."""
    number = zlib.crc32(points.tenant(scope).encode()) % SPACES
    return np.uint32(number * 0x9E3779B1 & 0xFFFFFFFF)


def _sparse(vector: SparseVector, space: np.uint32) -> qe.SparseVector:
    """The vector in the user's space: distinct terms stay distinct."""
    return qe.SparseVector((vector.indices ^ space).tolist(), vector.values.tolist())


def delete(which: points.UserFilter) -> qe.UpdateOperation:
    """Remove the points that the filter selects."""
    return qe.UpdateOperation.delete_points_by_filter(conditions(which))


def batch(
    queries: Iterable[tuple[IndexQuery, Sequence[tuple[Signal, points.Vector | SparseVector]]]],
) -> qe.QueryBatchRequest:
    """One request for all signals of all queries, each with one hit more than its limit (`hits.certain`). Statistics of
    terms are those of the user's own points, whatever the filter.
    """
    requests = []
    for query, wanted in queries:
        own = conditions(points.of_user(query.scope))
        chosen = conditions(points.narrowed(query.scope, query.filter))
        space = _space(query.scope)
        for signal, vector in wanted:
            if isinstance(vector, SparseVector):
                plain, params = _sparse(vector, space), qe.SearchParams(idf=qe.IdfParams(corpus=own))
            else:  # the engine refuses IDF on a dense vector
                plain, params = vector.tolist(), qe.SearchParams(exact=True)
            nearest = qe.Query.Nearest(plain, using=signal.value)
            most = query.limit + 1
            requests.append(
                qe.QueryRequest(limit=most, query=nearest, filter=chosen, with_payload=False, params=params)
            )
    return qe.QueryBatchRequest(requests)


def identity(given: int | UUID | str) -> UUID:
    """All ids here are UUIDs; the engine's type allows others."""
    return given if isinstance(given, UUID) else UUID(str(given))


def dense_of(which: points.UserFilter, size: int) -> qe.ScrollRequest:
    """Up to `size` of the points with their dense vectors."""
    return qe.ScrollRequest(limit=size, filter=conditions(which), with_payload=False, with_vector=[DENSE])


def read_dense(record: qe.Record) -> npt.NDArray[np.float32] | None:
    """The record's dense vector, if it has one."""
    vector = record.vector.get(DENSE) if isinstance(record.vector, dict) else None
    return None if vector is None else np.array(vector, dtype=np.float32)


def page(which: points.UserFilter | None, size: int, start: UUID | None) -> qe.ScrollRequest:
    """Up to `size` points' identities from `start` on; of everybody only for reconciliation."""
    chosen = None if which is None else conditions(which)
    return qe.ScrollRequest(offset=start, limit=size, filter=chosen, with_payload=list(points.IDENTITY))
