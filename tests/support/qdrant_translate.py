"""Qdrant's REST bodies as calls of Qdrant Edge, as far as our adapter speaks them. Used by the test-support server."""

from typing import Any
from uuid import UUID

import qdrant_edge as qe

Json = dict[str, Any]


class BadRequestError(Exception):
    """A body that this server does not understand; answered with 400, so that a changed adapter is noticed."""


def only(body: Json, *known: str) -> None:
    """Refuse what would be silently ignored."""
    strange = {key for key, value in body.items() if value is not None} - set(known)
    if strange:
        raise BadRequestError(f"not supported here: {sorted(strange)}")


def layout(body: Json) -> qe.EdgeConfig:
    """The body of `PUT /collections/{name}`."""
    only(body, "vectors", "sparse_vectors", "hnsw_config", "on_disk_payload")
    hnsw = body.get("hnsw_config") or {}
    return qe.EdgeConfig(
        vectors={
            name: qe.EdgeVectorParams(size=given["size"], distance=getattr(qe.Distance, given["distance"]))
            for name, given in body["vectors"].items()
        },
        sparse_vectors={
            name: qe.EdgeSparseVectorParams(modifier=qe.Modifier.Idf if given.get("modifier") == "idf" else None)
            for name, given in body["sparse_vectors"].items()
        },
        hnsw_config=qe.HnswIndexConfig(m=hnsw.get("m", 16), ef_construct=100, full_scan_threshold=10_000),
        optimizers=qe.EdgeOptimizersConfig(indexing_threshold=0),
        wal_enabled=True,
    )


def payload_index(body: Json) -> qe.UpdateOperation:
    """The body of `PUT /collections/{name}/index`."""
    only(body, "field_name", "field_schema")
    schema = body["field_schema"]
    if isinstance(schema, dict):
        only(schema, "type", "is_tenant")
        return qe.UpdateOperation.create_field_index(
            body["field_name"], qe.KeywordIndexParams(is_tenant=schema.get("is_tenant"))
        )
    kind = {"keyword": qe.PayloadSchemaType.Keyword, "float": qe.PayloadSchemaType.Float}[schema]
    return qe.UpdateOperation.create_field_index(body["field_name"], kind)


def conditions(body: Json | None) -> qe.Filter | None:
    """A filter object."""
    if body is None:
        return None
    only(body, "must", "should", "must_not")

    def several(key: str) -> list[Any] | None:
        given = body.get(key)
        return None if given is None else [condition(one) for one in (given if isinstance(given, list) else [given])]

    return qe.Filter(must=several("must"), should=several("should"), must_not=several("must_not"))


def condition(body: Json) -> Any:
    """One condition of a filter, or a filter inside a filter."""
    if "has_id" in body:
        only(body, "has_id")
        return qe.HasIdCondition({UUID(given) for given in body["has_id"]})
    if "is_empty" in body:
        only(body, "is_empty")
        return qe.IsEmptyCondition(body["is_empty"]["key"])
    if "key" not in body:
        return conditions(body)
    only(body, "key", "match", "range")
    if body.get("match") is not None:
        match = body["match"]
        only(match, "value", "any")
        wanted = qe.MatchAny(match["any"]) if "any" in match else qe.MatchValue(match["value"])
        return qe.FieldCondition(key=body["key"], match=wanted)
    bounds = {name: limit for name, limit in body["range"].items() if limit is not None}
    return qe.FieldCondition(key=body["key"], range=qe.RangeFloat(**bounds))


def vector(body: Any) -> Any:
    """A dense or a sparse vector."""
    return qe.SparseVector(body["indices"], body["values"]) if isinstance(body, dict) else body


def points(body: Json) -> qe.UpdateOperation:
    """The body of `PUT /collections/{name}/points`."""
    only(body, "points", "update_filter")
    made = [
        qe.Point(
            id=UUID(given["id"]),
            vector={name: vector(one) for name, one in given["vector"].items()},
            payload=given.get("payload"),
        )
        for given in body["points"]
    ]
    return qe.UpdateOperation.upsert_points(made, condition=conditions(body.get("update_filter")))


def deletion(body: Json) -> qe.UpdateOperation:
    """The body of `POST /collections/{name}/points/delete`."""
    only(body, "points", "filter")
    if body.get("points") is not None:
        return qe.UpdateOperation.delete_points([UUID(given) for given in body["points"]])
    chosen = conditions(body["filter"])
    assert chosen is not None
    return qe.UpdateOperation.delete_points_by_filter(chosen)


def query(body: Json) -> qe.QueryRequest:
    """One search of `POST /collections/{name}/points/query/batch`."""
    only(body, "query", "using", "filter", "params", "limit", "with_payload", "with_vector")
    given = body["query"]
    nearest = given["nearest"] if isinstance(given, dict) and "nearest" in given else given
    params = body.get("params") or {}
    only(params, "exact", "idf")
    scope = params.get("idf")
    return qe.QueryRequest(
        limit=body.get("limit") or 10,
        query=qe.Query.Nearest(vector(nearest), using=body.get("using")),
        filter=conditions(body.get("filter")),
        with_payload=body.get("with_payload"),
        with_vector=body.get("with_vector"),
        params=qe.SearchParams(
            exact=bool(params.get("exact")), idf=None if scope is None else qe.IdfParams(conditions(scope["corpus"]))
        ),
    )


def page(body: Json) -> qe.ScrollRequest:
    """The body of `POST /collections/{name}/points/scroll`."""
    only(body, "filter", "limit", "offset", "with_payload", "with_vector")
    return qe.ScrollRequest(
        filter=conditions(body.get("filter")),
        limit=body.get("limit") or 10,
        offset=UUID(body["offset"]) if body.get("offset") else None,
        with_payload=body.get("with_payload"),
        with_vector=body.get("with_vector"),
    )


def plain(record: Any) -> Json:
    """A record or a scored point as JSON."""
    answer: Json = {"id": str(record.id), "payload": record.payload, "version": 0}
    if hasattr(record, "score"):
        answer["score"] = record.score
    if record.vector:
        answer["vector"] = {
            name: {"indices": one.indices, "values": one.values} if isinstance(one, qe.SparseVector) else one
            for name, one in record.vector.items()
        }
    return answer
