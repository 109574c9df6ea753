"""The index port on a Qdrant server from 1.19 on, which knows `idf.corpus`: term statistics of one user.

A server computes those per shard: they are exact on one node (one shard) and nearly so where a cluster spreads a user.
"""

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt
from qdrant_client import QdrantClient, models
from qdrant_client.common.client_exceptions import QdrantException
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from app.domain.fusion import Evidence
from app.domain.scope import UserScope
from app.domain.sparse import SparseVector
from app.index import points
from app.index.hits import by_id, union
from app.index.protocol import (
    CollectionNotFoundError,
    IndexPoint,
    IndexQuery,
    IndexUnavailableError,
    PointKey,
    Signal,
)

WRITE_BATCH = 256  # points: about 2 MiB of JSON at 384 dimensions; the server's own limit is 32 MiB a request
PAGE = 1_000  # points
DENSE = Signal.DENSE.value


class _ServerErrors:
    """A block in which what the server or the network refuses becomes an error of the port.

    Only a request that the server understood and found wrong (400, 409, 422) stays what it is: a mistake of ours.
    """

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Translate."""
        if isinstance(error, UnexpectedResponse):
            status = error.status_code or 0
            if status == 404:
                raise CollectionNotFoundError(f"Qdrant: {error}") from error
            if status >= 500 or status in {401, 403, 408, 429}:
                raise IndexUnavailableError(f"Qdrant: {error}") from error
        elif isinstance(error, ResponseHandlingException):
            raise IndexUnavailableError(f"Qdrant: {error.source or error}") from error
        elif isinstance(error, QdrantException):  # 429 with Retry-After
            raise IndexUnavailableError(f"Qdrant: {error}") from error


class ServerIndex:
    """Collections of one Qdrant server. A ready client may be given instead of an address."""

    def __init__(
        self,
        url: str | None = None,
        api_key: str | None = None,
        timeout: float = 5.0,
        *,
        client: QdrantClient | None = None,
    ) -> None:
        # The key goes as a header: the client's own argument warns about plain HTTP, which inside a private network is
        # a choice of the operator. The version check would make the constructor talk to a server that may be down.
        headers = {"api-key": api_key} if api_key else None
        self._client = client or QdrantClient(
            url=url, headers=headers, timeout=max(1, round(timeout)), check_compatibility=False
        )

    def ensure(self, collection: str, dimension: int) -> None:
        """Create the collection if it is not there, then whatever payload index it lacks."""
        with _ServerErrors():
            if not self._client.collection_exists(collection):
                self._create(collection, dimension)
            found = self._client.get_collection(collection)
            layout = found.config.params.vectors
            size = layout[DENSE].size if isinstance(layout, dict) else 0
            if size != dimension:
                raise ValueError(f"collection {collection} has vectors of {size} numbers, not {dimension}")
            for name, schema in _payload_indexes():
                if name not in found.payload_schema:
                    self._client.create_payload_index(collection, name, schema, wait=True)

    def drop(self, collection: str) -> None:
        """Remove the collection."""
        with _ServerErrors():
            self._client.delete_collection(collection)

    def collections(self) -> list[str]:
        """Names of all collections."""
        with _ServerErrors():
            return sorted(found.name for found in self._client.get_collections().collections)

    def point_alias(self, alias: str, collection: str) -> None:
        """Let the alias mean this collection from now on, in one step."""
        make = models.CreateAliasOperation(
            create_alias=models.CreateAlias(collection_name=collection, alias_name=alias)
        )
        forget = models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=alias))
        with _ServerErrors():
            known = alias in self.aliases()
            self._client.update_collection_aliases([forget, make] if known else [make])

    def aliases(self) -> dict[str, str]:
        """Every alias and the collection that it means."""
        with _ServerErrors():
            return {found.alias_name: found.collection_name for found in self._client.get_aliases().aliases}

    def upsert(self, collection: str, scope: UserScope, points_: Sequence[IndexPoint]) -> None:
        """Write the points and wait until they are applied; a point of another user is never replaced."""
        everything = points.checked(points_)
        mine = _filter(points.of_user(scope))
        with _ServerErrors():
            for start in range(0, len(everything), WRITE_BATCH):
                batch = [_point(scope, point) for point in everything[start : start + WRITE_BATCH]]
                self._client.upsert(collection, batch, wait=True, update_filter=mine)

    def delete(self, collection: str, scope: UserScope, ids: Sequence[UUID]) -> None:
        """Remove these points of this user."""
        with _ServerErrors():
            for start in range(0, len(ids), PAGE):
                chosen = _filter(points.of_ids(scope, ids[start : start + PAGE]))
                self._client.delete(collection, models.FilterSelector(filter=chosen), wait=True)

    def delete_user(self, collection: str, scope: UserScope) -> None:
        """Remove all points of this user."""
        with _ServerErrors():
            self._client.delete(collection, models.FilterSelector(filter=_filter(points.of_user(scope))), wait=True)

    def search(self, collection: str, query: IndexQuery) -> dict[UUID, Evidence]:
        """The union of the top `limit` of each given signal, in one request."""
        return by_id(self.search_each(collection, [query])[0])

    def search_each(self, collection: str, queries: Sequence[IndexQuery]) -> list[dict[int, Evidence]]:
        """The same for several queries, in one request, with candidates by the numbers of their ids."""
        wanted = [points.signals(query) for query in queries]
        if not any(wanted):
            return [{} for _ in queries]
        requests = []
        for query, signals in zip(queries, wanted, strict=True):
            chosen = _filter(points.narrowed(query.scope, query.filter))
            own = _filter(points.of_user(query.scope))
            requests += [_request(query.limit + 1, signal, vector, chosen, own) for signal, vector in signals]
        with _ServerErrors():
            answers = iter(self._client.query_batch_points(collection, requests))
        return [
            union(
                ((signal, [(UUID(str(h.id)).int, h.score) for h in next(answers).points]) for signal, _ in signals),
                query.limit,
            )
            for query, signals in zip(queries, wanted, strict=True)
        ]

    def count(self, collection: str, scope: UserScope | None = None) -> int:
        """Exact number of points."""
        chosen = None if scope is None else _filter(points.of_user(scope))
        with _ServerErrors():
            return self._client.count(collection, count_filter=chosen, exact=True).count

    def scroll(self, collection: str, scope: UserScope | None = None) -> Iterator[PointKey]:
        """Every point's identity, in the order of ids."""
        chosen = None if scope is None else _filter(points.of_user(scope))
        start: Any = None
        while True:
            with _ServerErrors():
                found, start = self._client.scroll(
                    collection, chosen, limit=PAGE, offset=start, with_payload=list(points.IDENTITY)
                )
            yield from (points.key(UUID(str(record.id)), record.payload or {}) for record in found)
            if start is None:
                return

    def vectors(self, collection: str, scope: UserScope, ids: Sequence[UUID]) -> dict[UUID, npt.NDArray[np.float32]]:
        """The stored dense vectors, normalised to length 1 by the server."""
        answer: dict[UUID, npt.NDArray[np.float32]] = {}
        with _ServerErrors():
            for start in range(0, len(ids), WRITE_BATCH):
                chosen = _filter(points.of_ids(scope, ids[start : start + WRITE_BATCH]))
                found, _ = self._client.scroll(
                    collection, chosen, limit=WRITE_BATCH, with_payload=False, with_vectors=[DENSE]
                )
                for record in found:
                    vector = record.vector.get(DENSE) if isinstance(record.vector, dict) else None
                    if vector is not None:
                        answer[UUID(str(record.id))] = np.array(vector, dtype=np.float32)
        return answer

    def maintain(self, collection: str) -> None:
        """Nothing to ask for: the server merges segments and drops deleted points by itself."""

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _create(self, collection: str, dimension: int) -> None:
        """No graph (m=0): a scan inside the tenant is exact. Everything on disk: the page cache keeps what is used."""
        sparse = models.SparseVectorParams(modifier=models.Modifier.IDF, index=models.SparseIndexParams(on_disk=True))
        dense = models.VectorParams(size=dimension, distance=models.Distance.COSINE, on_disk=True)
        try:
            self._client.create_collection(
                collection,
                vectors_config={DENSE: dense},
                sparse_vectors_config={Signal.TEXT.value: sparse, Signal.WINDOW.value: sparse},
                hnsw_config=models.HnswConfigDiff(m=0),
                on_disk_payload=True,
            )
        except UnexpectedResponse as error:
            if error.status_code != 409:  # another process was quicker
                raise


def _payload_indexes() -> Iterator[tuple[str, Any]]:
    keyword = models.KeywordIndexType.KEYWORD
    yield points.TENANT, models.KeywordIndexParams(type=keyword, is_tenant=True)
    for name in points.KEYWORDS:
        yield name, models.PayloadSchemaType.KEYWORD
    for name in points.TIMES:
        yield name, models.PayloadSchemaType.FLOAT


def _filter(user: points.UserFilter) -> models.Filter:
    """The only place that makes a filter for the server: from one that has a user."""
    return models.Filter(must=[_condition(one) for one in user.must])


def _condition(one: points.Condition) -> models.Condition:
    if isinstance(one, points.OneOf):
        return models.FieldCondition(key=one.key, match=models.MatchAny(any=sorted(one.values)))
    if isinstance(one, points.Between):
        bounds = models.Range(gte=one.gte, gt=one.gt, lte=one.lte, lt=one.lt)
        return models.FieldCondition(key=one.key, range=bounds)
    if isinstance(one, points.Absent):
        return models.IsEmptyCondition(is_empty=models.PayloadField(key=one.key))
    if isinstance(one, points.Ids):
        return models.HasIdCondition(has_id=sorted(str(identity) for identity in one.ids))
    return models.Filter(should=[_condition(inner) for inner in one.conditions])


def _sparse(vector: SparseVector) -> models.SparseVector:
    return models.SparseVector(indices=vector.indices.tolist(), values=vector.values.tolist())


def _point(scope: UserScope, point: IndexPoint) -> models.PointStruct:
    vectors: dict[str, Any] = {}
    if point.dense is not None:
        vectors[DENSE] = point.dense.tolist()
    for signal, terms in ((Signal.TEXT, point.text), (Signal.WINDOW, point.window)):
        if terms is not None and len(terms.indices):
            vectors[signal.value] = _sparse(terms)
    return models.PointStruct(id=str(point.id), vector=vectors, payload=points.payload(scope, point))


def _request(
    limit: int, signal: Signal, vector: points.Vector | SparseVector, chosen: models.Filter, own: models.Filter
) -> models.QueryRequest:
    query: models.SparseVector | list[float]
    if isinstance(vector, SparseVector):
        query, params = _sparse(vector), models.SearchParams(idf=models.IdfCorpusParams(corpus=own))
    else:
        query, params = vector.tolist(), models.SearchParams(exact=True)
    return models.QueryRequest(
        query=models.NearestQuery(nearest=query),
        using=signal.value,
        filter=chosen,
        params=params,
        limit=limit,
        with_payload=False,
    )
