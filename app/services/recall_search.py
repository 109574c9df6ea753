"""The search of a recall: the question encoded once, asked of the index for turns and for memories, or of PostgreSQL's
vectors while the index is down. No transaction is open but in `fall_back`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from app.domain.fusion import Evidence
from app.domain.lexical import query_vector
from app.domain.memory import MemoryType
from app.domain.policy import RecallPolicy
from app.domain.query import Kind, Mode, Narrowing, QueryPlan, RecallQuery
from app.domain.sparse import SparseVector
from app.index.protocol import IndexFilter, IndexQuery, MemoryIndex, PointKind
from app.index.scan import ScanRow, scan
from app.inference.protocol import Encoder, EncoderUnavailableError
from app.storage import recall_memories
from app.storage.db import Connection

SCANNED_ROWS = 5_000  # of each kind; 4 MB of vectors and about 15 ms of numpy
DEEP_FACTOR = 2  # how many more candidates mode `deep` looks at
MEMORY_SHARE = 0.3  # of the candidates: on LoCoMo .3 finds what .5 does, and each row costs 40 us
NO_WORDS = query_vector("")
FEEDBACK_CHARACTERS = 200  # of the best item, added to the question in a second round


@dataclass(frozen=True, slots=True)
class Question:
    """What is searched for. `vector` is None while the encoder cannot answer: words alone are searched then."""

    vector: npt.NDArray[np.float32] | None
    words: SparseVector


@dataclass(frozen=True, slots=True)
class Hits:
    """Evidence by candidate, for turns and memories apart; `limit` is how long a list may be. A candidate stands by the
    number of its id, because a UUID itself takes ten times as long to look up.
    """

    turns: Mapping[int, Evidence]
    memories: Mapping[int, Evidence]
    limit: int

    def merged(self, other: "Hits") -> "Hits":
        """Both, with the better score of each signal."""
        return Hits(
            _merge(self.turns, other.turns), _merge(self.memories, other.memories), max(self.limit, other.limit)
        )


def ask(encoder: Encoder, plan: QueryPlan, feedback: str = "") -> Question:
    """The question for every signal; `feedback` is text of the best item of a first round."""
    text = f"{plan.dense} {feedback[:FEEDBACK_CHARACTERS]}" if feedback else plan.dense
    return Question(vector_of(encoder, text), query_vector(plan.lexical))


def vector_of(encoder: Encoder, text: str) -> npt.NDArray[np.float32] | None:
    """The vector of a question; None while the encoder cannot answer."""
    try:
        return encoder.encode_query(text)
    except EncoderUnavailableError:
        return None


def words_of(plan: QueryPlan) -> Question:
    """The question for the lexical signals alone, which need no encoder."""
    return Question(None, query_vector(plan.lexical))


def search(  # noqa: PLR0913 - where, for what, by which settings
    index: MemoryIndex,
    collection: str,
    query: RecallQuery,
    question: Question,
    policy: RecallPolicy,
    *,
    by_words: Hits | None = None,
) -> Hits:
    """Candidates from the index, by meaning alone where those `by_words` are known; raises IndexUnavailableError."""
    if by_words is not None:
        if question.vector is None:
            return by_words
        return search(index, collection, query, Question(question.vector, NO_WORDS), policy).merged(by_words)
    limit = _limit(query, policy.candidates)
    found: dict[Kind, dict[int, Evidence]] = {Kind.EVENT: {}, Kind.MEMORY: {}}
    parts = list(_parts(query, policy, limit))
    answers = index.search_each(collection, [_index_query(query, part, question, kind) for kind, part in parts])
    for (kind, _), hits in zip(parts, answers, strict=True):
        found[kind] |= hits
    return Hits(found[Kind.EVENT], found[Kind.MEMORY], limit)


def fall_back(conn: Connection, query: RecallQuery, question: Question, policy: RecallPolicy, model: str) -> Hits:
    """The same from PostgreSQL's vectors, exact over the newest rows."""
    limit = _limit(query, policy.candidates)
    found: dict[Kind, dict[int, Evidence]] = {Kind.EVENT: {}, Kind.MEMORY: {}}
    for kind, part in _parts(query, policy, limit):
        rows = recall_memories.vectors(
            conn, query.scope, part.narrowing, query.now, kind, model=model, limit=SCANNED_ROWS
        )
        points = [ScanRow(row.id, row.dense, _sparse(row.sparse), _sparse(row.sparse_window)) for row in rows]
        found[kind] |= scan(_index_query(query, part, question, kind), points)
    return Hits(found[Kind.EVENT], found[Kind.MEMORY], limit)


def _limit(query: RecallQuery, candidates: int) -> int:
    return candidates * (DEEP_FACTOR if query.mode is Mode.DEEP else 1)


@dataclass(frozen=True, slots=True)
class _Part:
    """What one search of the index looks through, and how long its list may be."""

    narrowing: Narrowing
    limit: int


def _parts(query: RecallQuery, policy: RecallPolicy, limit: int) -> Iterator[tuple[Kind, _Part]]:
    """Turns and memories; with `type_candidates` each type of memory on its own, so that none crowds out another."""
    for kind in query.narrowing.searched:
        if kind is Kind.EVENT:
            yield kind, _Part(query.narrowing, limit)
        elif not policy.type_candidates:
            yield kind, _Part(query.narrowing, max(1, int(limit * MEMORY_SHARE)))
        else:
            for type_ in sorted(query.narrowing.types or MemoryType):
                yield kind, _Part(replace(query.narrowing, types=frozenset({type_})), policy.type_candidates)


def _index_query(query: RecallQuery, part: _Part, question: Question, kind: Kind) -> IndexQuery:
    memories = kind is Kind.MEMORY
    return IndexQuery(
        scope=query.scope,
        dense=question.vector,
        text=question.words if len(question.words.indices) else None,
        window=question.words if len(question.words.indices) and not memories else None,
        filter=_memory_filter(part.narrowing) if memories else _turn_filter(part.narrowing),
        limit=part.limit,
    )


def _turn_filter(narrowing: Narrowing) -> IndexFilter:
    return IndexFilter(
        kinds=frozenset({PointKind.EVENT}),
        session_ids=_one(narrowing.session_id),
        agent_ids=_one(narrowing.agent_id),
        occurred_from=narrowing.occurred_from,
        occurred_to=_until(narrowing),
    )


def _memory_filter(narrowing: Narrowing) -> IndexFilter:
    """What PostgreSQL would keep, as far as the newest version of a point can tell; it has the last word anyway."""
    now_only = narrowing.as_of is None and narrowing.known_at is None
    statuses = {"active", "archived"} if narrowing.include_archived else {"active"}
    return IndexFilter(
        kinds=frozenset({PointKind.MEMORY}),
        session_ids=frozenset(),  # a memory may rest on turns of several sessions
        agent_ids=_one(narrowing.agent_id),
        types=frozenset(type_.value for type_ in narrowing.types) if narrowing.known_at is None else frozenset(),
        statuses=frozenset(statuses) if now_only else frozenset(),
        occurred_from=narrowing.occurred_from,
        occurred_to=_until(narrowing),
        live_at=narrowing.as_of if narrowing.known_at is None else None,
    )


def _until(narrowing: Narrowing) -> datetime | None:
    """The earlier of the end of the range and the caller's now, which itself is included."""
    as_of = narrowing.as_of + timedelta(microseconds=1) if narrowing.as_of else None
    known = [moment for moment in (as_of, narrowing.occurred_to) if moment is not None]
    return min(known) if known else None


def _one(value: str | None) -> frozenset[str]:
    return frozenset() if value is None else frozenset({value})


def _sparse(raw: bytes | None) -> SparseVector | None:
    return SparseVector.from_bytes(raw) if raw is not None else None


def _merge(one: Mapping[int, Evidence], other: Mapping[int, Evidence]) -> dict[int, Evidence]:
    merged = dict(one)
    for id_, evidence in other.items():
        known = merged.get(id_)
        merged[id_] = evidence if known is None else known.better(evidence)
    return merged
