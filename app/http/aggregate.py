"""`POST /v1/memories/aggregate`: exact counts, sums and extremes over subject, attribute and value."""

from decimal import Decimal

from starlette.responses import Response

from app.domain.access import KeyScope
from app.domain.aggregate import AggregateFunction, AggregateQuery, Group
from app.domain.normalise import normal_key
from app.domain.query import Narrowing
from app.errors import FieldError, InvalidInputError
from app.http.deps import Edge, ReadEdge, answer, operation, router
from app.http.masking import Mask, masker
from app.http.schemas.aggregate import (
    AggregateAnswer,
    AggregateGroup,
    AggregateRequest,
    AggregateStatus,
    LatestValue,
)
from app.services import aggregate
from app.services.aggregate import Aggregated

api = router("memories")


@api.api_route(
    "/v1/memories/aggregate",
    response_model=AggregateAnswer,
    **operation("memories_aggregate", KeyScope.MEMORIES_READ, "POST", body=True, idempotent=False),
)
def ask(edge: ReadEdge, body: AggregateRequest) -> Response:
    """Count, add up and compare what is remembered, exactly: no search and no ranking takes part."""
    scope = edge.caller.user(body.user_id)
    query = query_of(edge, body)
    with edge.read(scope) as conn:
        found = aggregate.answer(conn, scope, query, edge.context.clock())
        hide = masker(conn, scope)
    return answer(answer_of(found, query, hide))


def query_of(edge: Edge, body: AggregateRequest) -> AggregateQuery:
    """The request with its defaults, inside what the key may see."""
    time_range = body.time_range
    if time_range and time_range.from_ and time_range.to and time_range.from_ >= time_range.to:
        problem = FieldError("/time_range/to", "must be later than `from`")
        raise InvalidInputError("The time range is empty.", errors=(problem,))
    keys = {name: normal_key(getattr(body, name)) for name in ("subject", "attribute", "value")}
    empty = tuple(
        FieldError(f"/{name}", "holds no letter and no digit", "empty")
        for name, key in keys.items()
        if key is None and getattr(body, name) is not None
    )
    if empty:
        raise InvalidInputError("Nothing can match.", errors=empty)
    narrowing = Narrowing(
        as_of=body.as_of,
        known_at=body.known_at,
        session_id=edge.caller.session(None),
        occurred_from=time_range.from_ if time_range else None,
        occurred_to=time_range.to if time_range else None,
        types=frozenset(body.types or ()),
    )
    return AggregateQuery(
        narrowing,
        **keys,
        any_status=body.status is AggregateStatus.ANY,
        group_by=tuple(dict.fromkeys(body.group_by or ())),
        functions=frozenset(body.functions or (AggregateFunction.COUNT,)),
    )


def answer_of(found: Aggregated, query: AggregateQuery, hide: Mask) -> AggregateAnswer:
    """The groups as they are shown."""
    return AggregateAnswer(
        groups=[_group(group, found, query, hide) for group in found.aggregate.groups],
        matched=found.aggregate.matched,
        not_numeric=found.aggregate.not_numeric,
        truncated=found.aggregate.truncated,
    )


def _group(group: Group, found: Aggregated, query: AggregateQuery, hide: Mask) -> AggregateGroup:
    names = (name.value for name in query.group_by)
    asked = query.functions
    return AggregateGroup(
        key={name: part if part is None else hide(part) for name, part in zip(names, group.key, strict=True)},
        unit=group.unit,
        count=group.count if AggregateFunction.COUNT in asked else None,
        distinct_values=group.distinct_values,
        not_numeric=group.not_numeric,
        sum=_text(group.total) if AggregateFunction.SUM in asked else None,
        min=_text(group.low) if AggregateFunction.MIN in asked else None,
        max=_text(group.high) if AggregateFunction.MAX in asked else None,
        latest=_latest(group, found, hide) if AggregateFunction.LATEST in asked else None,
        memory_ids=list(group.newest),
    )


def _latest(group: Group, found: Aggregated, hide: Mask) -> LatestValue | None:
    memory = found.latest.get(group.newest[0]) if group.newest else None
    if memory is None:
        return None
    return LatestValue(
        value=memory.value if memory.value is None else hide(memory.value),
        memory_id=memory.id,
        text=hide(memory.text),
        occurred_at=memory.occurred_at,
        event_time=memory.event_time.text if memory.event_time else None,
    )


def _text(number: Decimal | None) -> str | None:
    return None if number is None else f"{number:f}"
