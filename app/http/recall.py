"""`POST /v1/recall`: a question in, ranked items and packed context out. The edge of the steps in `services/recall`."""

from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial
from typing import Any

import orjson
from fastapi import BackgroundTasks
from starlette.responses import Response

from app.domain.access import KeyScope
from app.domain.query import Format, Kind, Mode, Narrowing, Order, RecallQuery, Returns
from app.domain.served import LineHashes
from app.errors import FieldError, InvalidInputError
from app.http import recall_cache, recall_rounds
from app.http.after import Served, no_hashes
from app.http.deps import Edge, ReadEdge, operation, router
from app.http.recall_cache import Kept
from app.http.recall_steps import Early, begin, look, search, timed
from app.http.schemas.recall import ItemKind, RecallAnswer, RecallCache, RecallInclude, RecallRequest
from app.services import recall, recall_rerank, recall_search, served, sessions
from app.services.recall import Prepared
from app.services.recall_answer import AnswerItem, RecallResult, compose
from app.services.recall_goals import ALONE
from app.services.recall_items import MOST_ITEMS

MAX_TOKENS = 1_000  # defaults of SPEC 4
LIMIT = 10

api = router("recall")


@api.api_route(
    "/v1/recall",
    response_model=RecallAnswer,
    **operation("recall", KeyScope.RECALL, "POST", body=True, idempotent=False),
)
def ask(edge: ReadEdge, body: RecallRequest, background: BackgroundTasks) -> Response:
    """What is remembered for a question: items best first, each with its reasons, and context for a prompt.

    An exact repeat is answered from a cache while nothing of the user has changed, for a minute at most; `cache: off`
    computes it anew.
    """
    query = query_of(edge, body)
    if body.agent_id is not None and body.session_id is None:
        query = replace(query, session_id=session_of(edge, query, body.agent_id))
    seconds: dict[str, float] = {}
    known = edge.context.memo.last(query.scope)
    repeated = known is not None and known.has_answered(query.text) and body.cache is not RecallCache.OFF
    early = None if repeated else begin(edge, query)
    prepared = prepare(edge, query, seconds, early)
    answers, metrics = edge.context.answers, edge.context.metrics
    secret = recall_cache.secret_of(edge, body, query, prepared)
    kept = recall_cache.find(answers, secret) if secret is not None else None
    metrics.answer_cache.labels("off" if secret is None else "miss" if kept is None else "hit").inc()
    said: Callable[[LineHashes], Collection[int]] = no_hashes
    if kept is not None:
        metrics.recalls.labels("false").inc()  # a degraded answer is never kept
    else:
        result = run(edge, query, prepared, seconds, early)
        said = partial(served.hashes_of, result, query.format)
        kept = Kept(body_of(result), result.used_ids)
        if secret is not None and not result.degraded:
            left = recall_cache.seconds_left(edge, prepared)
            prepared.reads.note_answered(query.text)
            background.add_task(recall_cache.put, answers, secret, kept, seconds=left)
    response = Response(kept.answer, media_type="application/json")
    used = kept.used if body.record_usage is not False else []
    edge.after.note(Served(query.scope, edge.context.clock(), used, said))
    response.background = background
    return response


def query_of(edge: Edge, body: RecallRequest) -> RecallQuery:
    """The request with its defaults, inside what the key may see."""
    scope = edge.caller.user(body.user_id, body.session_id)
    filters = body.filters
    kinds = [ItemKind.MEMORY, ItemKind.EVENT] if filters is None or filters.kinds is None else filters.kinds
    time_range = body.time_range
    if time_range and time_range.from_ and time_range.to and time_range.from_ >= time_range.to:
        problem = FieldError("/time_range/to", "must be later than `from`")
        raise InvalidInputError("The time range is empty.", errors=(problem,))
    if body.types and ItemKind.MEMORY not in kinds:
        problem = FieldError("/types", "types are of memories, which filters.kinds leaves out")
        raise InvalidInputError("No item can match.", errors=(problem,))
    narrowing = Narrowing(
        as_of=body.as_of,
        known_at=body.known_at,
        session_id=edge.caller.session(filters.session_id if filters else None),
        agent_id=filters.agent_id if filters else None,
        occurred_from=time_range.from_ if time_range else None,
        occurred_to=time_range.to if time_range else None,
        kinds=frozenset(Kind(kind.value) for kind in kinds),
        types=frozenset(body.types or ()),
        include_archived=bool(body.include_archived),
        latest_only=bool(body.latest_only),
    )
    returns = Returns(body.return_.value) if body.return_ else Returns.RANKED
    return RecallQuery(
        scope=scope,
        text=body.query,
        now=body.as_of or edge.context.clock(),
        session_id=body.session_id,
        max_tokens=body.max_tokens or MAX_TOKENS,
        limit=body.limit or (MOST_ITEMS if returns is Returns.ALL_MATCHES else LIMIT),
        mode=Mode(body.mode.value) if body.mode else Mode.AUTO,
        returns=returns,
        order=Order(body.order.value) if body.order else Order.SCORE,
        format=Format(body.format.value) if body.format else Format.TEXT,
        trace=RecallInclude.TRACE in (body.include or ()),
        tokenizer=body.tokenizer or "",
        narrowing=narrowing,
    )


def session_of(edge: Edge, query: RecallQuery, agent_id: str) -> str | None:
    """The session whose tail and summary an agent adds: the one in which it spoke last, within what the key may see."""
    if query.narrowing.session_id is not None:
        return None
    with edge.read(query.scope) as conn:
        return sessions.latest_with(conn, query.scope, agent_id, query.now)


def prepare(edge: Edge, query: RecallQuery, seconds: dict[str, float], early: Early | None) -> Prepared:
    """What is known before the search, in a transaction of its own. While the encoder is at work, what no hit decides
    is read as well: it costs no time.
    """
    context = edge.context
    with timed(edge, seconds, "prepare"), edge.read(query.scope, plan_once=True) as conn:
        prepared = recall.prepare(conn, query, context.memo, model=context.encoder.fingerprint)
        if early is not None:
            recall.read_ahead(lambda: conn, query, prepared, model=context.encoder.fingerprint)
        return prepared


def run(
    edge: Edge, query: RecallQuery, prepared: Prepared, seconds: dict[str, float], early: Early | None
) -> RecallResult:
    """The other steps, each transaction closed before the encoder, the index or a model is asked."""
    context = edge.context
    rewritten = recall_rounds.rewrite(edge, query, prepared, seconds) if query.mode is Mode.DEEP else None
    began = context.monotonic()
    with timed(edge, seconds, "encode"):
        # Now and not before: the index keeps the interpreter to itself, and the encoder is at work without it.
        words = recall_search.words_of(prepared.plan)
        worded = search(edge, query, prepared, words)
        if early is not None and prepared.plan.dense == early.text:
            question = replace(words, vector=early.vector.result())
        else:
            question = recall_search.ask(context.encoder, prepared.plan)
        if query.mode is not Mode.FAST:
            prepared = recall.embed_pending(context.encoder, prepared, question)
    beside = ALONE
    if rewritten is not None and question.vector is not None:
        beside = recall_rounds.in_other_words(edge, query, prepared, rewritten, seconds)
    looked = look(edge, query, prepared, question, seconds, by_words=worded, beside=beside)
    gathered = recall_rounds.further(edge, query, prepared, looked, seconds, began=began)
    gathered = replace(gathered, rewritten=rewritten)
    if prepared.policy.recall.rerank:
        with timed(edge, seconds, "rerank"):
            gathered = recall_rerank.rerank(context.reranker, query, gathered)
        context.metrics.reranks.labels(gathered.reranked).inc()
    with timed(edge, seconds, "compose"):
        degraded = looked.degraded or question.vector is None
        result = compose(query, gathered, degraded=degraded, seconds=seconds)
    context.metrics.recalls.labels(str(result.degraded).lower()).inc()
    return result


def body_of(result: RecallResult) -> bytes:
    """The result as `RecallAnswer` has it. Written without the model, which would check what is ours already and take
    as long as the packing.
    """
    packed = result.context
    body = {
        "items": [_item(item) for item in result.items],
        "context": {
            "text": packed.text,
            "tokens": packed.tokens,
            "max_tokens": result.max_tokens,
            "sections": [{"name": s.name, "tokens": s.tokens, "ids": s.ids} for s in packed.sections],
            "messages": None
            if packed.messages is None
            else [{"role": role, "content": content} for role, content in packed.messages],
            "message_tokens": packed.message_tokens,
        },
        "sufficient": result.sufficient,
        "degraded": result.degraded,
        "pending_not_ranked": result.pending_not_ranked,
        "trace": result.trace,
    }
    return orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY)


def _item(item: AnswerItem) -> dict[str, Any]:
    """One item, as `RecallItem` has it."""
    return {
        "kind": item.kind.value,
        "id": item.id,
        "type": item.type,
        "text": item.text,
        "score": item.score,
        "scores": item.scores,
        "occurred_at": item.occurred_at.isoformat(),
        "event_time": item.event_time,
        "valid_from": item.valid_from,
        "valid_to": item.valid_to,
        "status": item.status,
        "pending": item.pending,
        "sources": [
            {
                "event_id": source.event_id,
                "client_id": source.client_id,
                "session_id": source.session_id,
                "occurred_at": source.occurred_at.isoformat(),
            }
            for source in item.sources
        ],
    }
