"""The steps of a recall that `recall` and `recall_rounds` share: a search of the index, the first round of search and
truth, and the time that each takes.
"""

import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from app.domain.policy import RecallPolicy
from app.domain.query import RecallQuery, for_encoder
from app.http.deps import Edge
from app.index.protocol import IndexUnavailableError
from app.services import recall, recall_search
from app.services.recall import Gathered, Prepared
from app.services.recall_goals import ALONE, Beside
from app.services.recall_search import Hits, Question


@dataclass(frozen=True, slots=True)
class Early:
    """The encoder at work on a question as it will probably be read, while PostgreSQL is asked how it must be."""

    text: str
    vector: "Future[npt.NDArray[np.float32] | None]"


def begin(edge: Edge, query: RecallQuery) -> Early:
    """Let the encoder begin, by the speakers that a recall before found; it leaves the interpreter to others while it
    computes.
    """
    context = edge.context
    known = context.memo.last(query.scope)
    text = for_encoder(query.text, known.about.speakers if known and known.about else ())
    return Early(text, context.beside.submit(recall_search.vector_of, context.encoder, text))


@dataclass(frozen=True, slots=True)
class Looked:
    """What the first round found: the question's own hits, all that came of them, and what was asked beside it."""

    question: Question
    hits: Hits
    gathered: Gathered
    beside: Beside
    degraded: bool


def look(  # noqa: PLR0913 - each is the outcome of one step
    edge: Edge,
    query: RecallQuery,
    prepared: Prepared,
    question: Question,
    seconds: dict[str, float],
    *,
    by_words: Hits | None,
    beside: Beside = ALONE,
) -> Looked:
    """The first round of search and truth; PostgreSQL alone while the index does not answer, as when it found nothing
    `by_words` either: None. What was found is not searched again.
    """
    context, policy = edge.context, prepared.policy.recall
    with timed(edge, seconds, "search"):
        hits = by_words and search(edge, query, prepared, question, by_words=by_words)
    degraded = hits is None
    with timed(edge, seconds, "gather"), edge.read_when_needed(query.scope) as reader:
        if hits is None:
            hits = recall_search.fall_back(reader(), query, question, policy, context.encoder.fingerprint)
        gathered = recall.gather(
            reader, query, prepared, question, hits, model=context.encoder.fingerprint, beside=beside
        )
    return Looked(question, hits, gathered, beside, degraded)


def search(  # noqa: PLR0913 - where, for what, by which settings
    edge: Edge,
    query: RecallQuery,
    prepared: Prepared,
    question: Question,
    *,
    by_words: Hits | None = None,
    policy: RecallPolicy | None = None,
) -> Hits | None:
    """Candidates of the index, by the user's settings unless others are given; None while it does not answer."""
    context = edge.context
    if context.index is None:
        return None
    try:
        collection = context.collections.name()
        settings = policy or prepared.policy.recall
        return recall_search.search(context.index, collection, query, question, settings, by_words=by_words)
    except IndexUnavailableError as error:
        context.collections.forget()
        context.logger.warning("recall_without_index", error=str(error))
        return None


@contextmanager
def timed(edge: Edge, seconds: dict[str, float], step: str) -> Iterator[None]:
    """Note how long a step took, for the trace and the metrics."""
    started = time.perf_counter()
    yield
    spent = time.perf_counter() - started
    seconds[step] = seconds.get(step, 0.0) + spent
    edge.context.metrics.recall_seconds.labels(step).observe(spent)
