"""A recall in steps, so that no transaction is open while the encoder or the index is asked:

prepare (tx) -> recall_search.ask -> recall_search.search, or fall_back (tx) -> gather (tx) -> recall_answer.compose ->
record_usage (tx)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from app.domain.blocks import ShownBlock
from app.domain.event import Event
from app.domain.keytext import plain_text
from app.domain.pending import PendingScore, rank_pending
from app.domain.policy import Policy
from app.domain.query import Kind, Mode, QueryPlan, RecallQuery, understand
from app.domain.ranking import Item, Weights, rank
from app.domain.scope import UserScope
from app.domain.signals import NO_TERMS, Candidates, Terms
from app.domain.sparse import SparseVector
from app.domain.sufficiency import SEEN, Judgement, Support, judge
from app.inference.protocol import Encoder, EncoderUnavailableError
from app.services import recall_items, recall_links, recall_units
from app.services.recall_items import matching, picked, ranked_to
from app.services.recall_pending import PendingTurns, document
from app.services.recall_search import Hits, Question
from app.services.recall_units import Units
from app.storage import blocks, recall, recall_memories
from app.storage.db import Connection
from app.storage.recall import AboutUser, FoundTurn
from app.storage.recall_memories import FoundMemory

# Limits on work, not on quality.
LONGEST_HISTORY = 2_000  # turns; a longer one is never given whole

LEAST_LINE = 12  # tokens of the shortest dated line: more turns than max_tokens / 12 cannot fit


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is known before the search."""

    about: AboutUser
    plan: QueryPlan
    pending: PendingTurns

    @property
    def policy(self) -> Policy:
        return self.about.policy


@dataclass(frozen=True, slots=True)
class Gathered:
    """Everything that the answer is made of, as PostgreSQL has it. `ranked` is longer than `items` for a trace."""

    prepared: Prepared
    ranked: Sequence[Item]
    items: Sequence[Item]
    turns: Mapping[UUID, Event]
    memories: Mapping[UUID, FoundMemory]
    neighbours: Mapping[UUID, Sequence[Event]]
    tail: Sequence[Event]
    blocks: Sequence[ShownBlock]
    history: Sequence[Event] | None
    judgement: Judgement
    reranked: str | None = None  # what came of the second model's order; None where it was not asked

    @property
    def sufficient(self) -> bool:
        """Whether the items are good enough to answer from."""
        return self.judgement.sufficient


def prepare(conn: Connection, query: RecallQuery, *, model: str) -> Prepared:
    """Read the policy, who speaks, and what is pending. Before the search, so that a turn that becomes searchable in
    between is seen twice rather than not at all.
    """
    about = recall.about_user(conn, query.scope)
    rows: list[recall.PendingRow] = []
    total = 0
    if Kind.EVENT in query.narrowing.searched:
        limit = about.policy.recall.pending_ranked
        rows, total = recall.pending(conn, query.scope, query.narrowing, model=model, limit=limit)
    return Prepared(about, understand(query.text, about.speakers, query.now), PendingTurns.of(rows, total))


def embed_pending(encoder: Encoder, prepared: Prepared, question: Question) -> Prepared:
    """What was just said gets its vectors before the worker comes to it; nothing while the encoder cannot answer."""
    if question.vector is None:
        return prepared
    try:
        return replace(prepared, pending=prepared.pending.embedded(encoder))
    except EncoderUnavailableError:
        return prepared


def gather(  # noqa: PLR0913 - what was found, for which question, by which encoder
    conn: Connection, query: RecallQuery, prepared: Prepared, question: Question, hits: Hits, *, model: str
) -> Gathered:
    """Check the hits against the rows, rank them, and read what the context needs."""
    scope, narrowing, policy = query.scope, query.narrowing, prepared.policy
    units = recall_units.units(conn, query, policy, question, model=model)
    named = list(dict.fromkeys((*hits.memories, *units.scenes.nearest)))
    memories = recall_units.shown(
        recall_memories.memories(
            conn, scope, narrowing, query.now, named, model=model, with_entities=bool(prepared.plan.names)
        ),
        policy,
        query.now,
    )
    wanted = dict.fromkeys(hits.turns)
    if Kind.EVENT in narrowing.searched:
        wanted |= dict.fromkeys(units.segments.nearest)
        wanted |= dict.fromkeys(source.event_id for found in memories.values() for source in found.memory.sources)
    wanted_ids = [id_ for id_ in wanted if id_ not in prepared.pending.events]
    turns = recall.turns(conn, scope, narrowing, wanted_ids, model=model)
    outdated = recall_memories.outdated_turns(conn, scope, narrowing)
    links = recall_links.among(conn, query, policy, memories)
    candidates = replace(
        _candidates(prepared, question, hits, turns, memories, units), outdated=frozenset(outdated), links=links
    )
    fading = policy.retention
    weights = Weights(policy.recall, fading.tau_days, fading.enabled, fading.use_gain)
    ranked = rank(prepared.plan, question.words, candidates, weights, query.now, ranked_to(query, policy.recall))
    matched = matching(query, ranked)
    items = picked(query, policy.recall, matched, candidates.turns, memories)
    near = recall_items.first_turns([*items, *matched[: policy.recall.rerank]], candidates.turns)
    tail_size = policy.recall.tail_events
    return Gathered(
        prepared=prepared,
        ranked=ranked,
        items=items,
        turns=candidates.turns,
        memories=memories,
        neighbours=recall.neighbours(conn, scope, narrowing, near if query.mode is not Mode.FAST else []),
        tail=recall.tail(conn, scope, narrowing, query.session_id, limit=tail_size) if query.session_id else [],
        blocks=_blocks(conn, query, policy),
        history=_history(conn, query, prepared),
        judgement=judge(
            query.text,
            prepared.plan.lexical,
            prepared.plan.wanted,
            _support(ranked, candidates),
            names=prepared.plan.names,
            blind=question.vector is None,
        ),
    )


def text_of(gathered: Gathered, item: Item) -> str:
    """What an item says."""
    return gathered.memories[item.id].memory.text if item.kind is Kind.MEMORY else gathered.turns[item.id].content


def record_usage(conn: Connection, scope: UserScope, memory_ids: Sequence[UUID], at: datetime) -> None:
    """Note after the answer which memories were served."""
    if memory_ids:
        recall.record_usage(conn, scope, memory_ids, at)


def _candidates(  # noqa: PLR0913, PLR0917 - each kind of candidate
    prepared: Prepared,
    question: Question,
    hits: Hits,
    turns: Mapping[UUID, FoundTurn],
    memories: Mapping[UUID, FoundMemory],
    units: Units,
) -> Candidates:
    """Turns from the index and pending ones, and memories, with their evidence."""
    evidence = {**hits.turns, **hits.memories}
    known = {id_: found.event for id_, found in turns.items()}
    terms = {id_: Terms(found.sparse, found.window) for id_, found in turns.items()}
    terms |= {id_: Terms(found.sparse) for id_, found in memories.items()}
    scores: dict[UUID, PendingScore] = {}
    pending = prepared.pending
    if pending.events:
        matched = [
            SparseVector.from_bytes(words)
            for id_, found in hits.turns.items()
            if found.text and id_ in turns and (words := terms[id_].text)
        ]
        scores = rank_pending(question.words, pending.turns, matched, prepared.about.events)
        near = pending.evidence(question)
        chosen = pending.choose(scores, near, hits)
        known |= {id_: pending.events[id_] for id_ in chosen}
        terms |= {id_: Terms(document(plain_text(pending.events[id_])).to_bytes()) for id_ in chosen}
        scores = {id_: scores[id_] for id_ in chosen}
        for id_ in chosen:
            if id_ in near:
                evidence[id_] = near[id_].better(evidence[id_]) if id_ in evidence else near[id_]
    return Candidates(
        turns=known,
        memories={id_: found.memory for id_, found in memories.items()},
        evidence=evidence,
        pending=scores,
        entities={id_: found.entities for id_, found in memories.items()},
        limit=hits.limit,
        terms=terms,
        segments=units.segments,
        scenes=units.scenes,
    )


def _support(ranked: Sequence[Item], candidates: Candidates) -> list[Support]:
    """What the best items offer for the question."""
    supports = []
    for item in ranked[:SEEN]:
        memory = candidates.memories.get(item.id)
        supports.append(
            Support(
                dense=item.scores["dense"],
                memory=memory is not None,
                terms=candidates.terms.get(item.id, NO_TERMS).words(),
                text=memory.text if memory is not None else candidates.turns[item.id].content,
                total=item.total,
                signals=item.columns,
            )
        )
    return supports


def _blocks(conn: Connection, query: RecallQuery, policy: Policy) -> list[ShownBlock]:
    """Profile and summary are of the present and of all sessions: another view leaves them out."""
    narrowing = query.narrowing
    if narrowing.as_of is not None or narrowing.known_at is not None or narrowing.session_id is not None:
        return []
    return blocks.in_context(conn, query.scope, query.session_id, user_summary=policy.blocks.user_summary)


def _history(conn: Connection, query: RecallQuery, prepared: Prepared) -> list[Event] | None:
    """Every turn, where it may be that all of them fit the budget; None otherwise."""
    most = min(LONGEST_HISTORY, query.max_tokens // LEAST_LINE)
    if query.mode is not Mode.AUTO or Kind.EVENT not in query.narrowing.searched or prepared.about.events > most:
        return None
    return recall.history(conn, query.scope, query.narrowing, limit=most)
