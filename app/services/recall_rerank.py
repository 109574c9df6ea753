"""The first items of a recall in the order of a cross-encoder, between gathering and composing: no transaction is open.

Whatever goes wrong leaves the order as it was, and `Gathered.reranked` says what.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import takewhile

from app.domain.keytext import key_text
from app.domain.query import RecallQuery
from app.domain.ranking import Item
from app.domain.reranked import reordered
from app.domain.secrets import mask
from app.domain.units import Unit
from app.inference.rerank import BoundedReranker, RerankerUnavailableError
from app.services.recall import Gathered
from app.services.recall_items import matching, picked


def rerank(reranker: BoundedReranker | None, query: RecallQuery, gathered: Gathered) -> Gathered:
    """The same with the first `recall.rerank` items reordered. Pending turns at the very top stay there: a rare word
    of what was just said decides.
    """
    policy = gathered.prepared.policy.recall
    items = matching(query, gathered.ranked)
    held = len(list(takewhile(lambda item: item.id in gathered.prepared.pending.events, items)))
    asked = items[held : policy.rerank]
    if len(asked) < 2:
        return replace(gathered, reranked="nothing_to_do")
    try:
        scores = _scores(reranker, query, asked, policy.rerank_seconds)
    except RerankerUnavailableError as error:
        return replace(gathered, reranked=error.kind)
    items = [*items[:held], *reordered(items[held:], scores)]
    chosen = picked(query, policy, items, gathered.candidates)
    return replace(gathered, items=chosen, reranked="ok")


def _scores(reranker: BoundedReranker | None, query: RecallQuery, asked: Sequence[Item], seconds: float) -> list[float]:
    """One finite score for each item; raises RerankerUnavailableError. No secret is sent."""
    if reranker is None:
        raise RerankerUnavailableError("not_configured")
    scores = reranker.score(mask(query.text), [_text(item.unit) for item in asked], seconds=seconds)
    if len(scores) != len(asked) or not all(math.isfinite(score) for score in scores):
        raise RerankerUnavailableError("malformed")
    return scores


def _text(unit: Unit) -> str:
    return key_text(unit.event) if unit.event is not None else unit.masked
