"""A recall in steps, so that no transaction is open while the encoder or the index is asked:

prepare (tx) -> recall_search.ask -> recall_search.search, or fall_back (tx) -> gather (tx) -> recall_answer.compose ->
record_usage (tx)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from app.domain.birthdays import Birthday
from app.domain.blocks import ShownBlock
from app.domain.memory import Source
from app.domain.pending import rank_pending
from app.domain.policy import Policy
from app.domain.query import Kind, Mode, Narrowing, QueryPlan, RecallQuery, understand
from app.domain.ranking import Item, Weights, rank
from app.domain.scope import UserScope
from app.domain.sparse import SparseVector
from app.domain.sufficiency import JUDGED, SEEN, Judgement, Support, judge
from app.domain.units import NOTHING, Candidates, Row, Unit
from app.inference.protocol import Encoder, EncoderUnavailableError
from app.services import recall_items, recall_links, recall_units
from app.services.recall_items import matching, picked, ranked_to
from app.services.recall_memo import Reads, RecallMemo
from app.services.recall_pending import NOTHING_PENDING, PendingTurns
from app.services.recall_reads import Reader, ReadThrough
from app.services.recall_search import Hits, Question
from app.storage import recall
from app.storage.db import Connection
from app.storage.recall import AboutUser, StateOfUser

# Limits on work, not on quality.
LONGEST_HISTORY = 2_000  # turns; a longer one is never given whole

LEAST_LINE = 12  # tokens of the shortest dated line: more turns than max_tokens / 12 cannot fit


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is known before the search, and what was read of the user so far: `reads` are shared with other recalls
    where the point of view is the present and the whole, else they are of this recall alone.
    """

    state: StateOfUser
    about: AboutUser
    plan: QueryPlan
    pending: PendingTurns
    reads: Reads

    @property
    def policy(self) -> Policy:
        return self.state.policy


@dataclass(frozen=True, slots=True)
class Gathered:
    """Everything that the answer is made of, as PostgreSQL has it. `ranked` is longer than `items` for a trace."""

    prepared: Prepared
    ranked: Sequence[Item]
    items: Sequence[Item]
    candidates: Candidates
    neighbours: Mapping[UUID, Sequence[Unit]]
    tail: Sequence[Unit]
    blocks: Sequence[ShownBlock]
    upcoming: Sequence[Unit]
    history: Sequence[Unit] | None
    judgement: Judgement
    reranked: str | None = None  # what came of the second model's order; None where it was not asked

    @property
    def sufficient(self) -> bool:
        """Whether the items are good enough to answer from."""
        return self.judgement.sufficient


def prepare(conn: Connection, query: RecallQuery, memo: RecallMemo, *, model: str) -> Prepared:
    """Read the policy, who speaks, and what is pending. Before the search, so that a turn that becomes searchable in
    between is seen twice rather than not at all.
    """
    scope, narrowing = query.scope, query.narrowing
    state = recall.state_of_user(conn, scope)
    reads = memo.reads(scope, (state.version, model), query.now) if _is_plain(narrowing) else Reads()
    if reads.about is None:
        reads.about = recall.about_user(conn, scope)
    pending = NOTHING_PENDING
    if Kind.EVENT in narrowing.searched:
        limit = state.policy.recall.pending_ranked
        if (kept := reads.pending.get(limit)) is None:
            rows, total = recall.pending(conn, scope, narrowing, model=model, limit=limit)
            kept = reads.pending[limit] = PendingTurns.of(rows, total)
        pending = kept
    plan = understand(query.text, reads.about.speakers, query.now, _birthdays(reads.about, narrowing))
    return Prepared(state, reads.about, plan, pending, reads)


def _birthdays(about: AboutUser, narrowing: Narrowing) -> list[Birthday]:
    """Those that are known from this point of view: a part of what the user has tells nothing about the rest."""
    if narrowing.known_at is not None or narrowing.session_id is not None or narrowing.agent_id is not None:
        return []
    as_of = narrowing.as_of
    return [birthday for birthday in about.birthdays if as_of is None or birthday.known <= as_of]


def _is_plain(narrowing: Narrowing) -> bool:
    """Whether the point of view is the present and nothing but the kind narrows it."""
    return narrowing == Narrowing(kinds=narrowing.kinds)


def embed_pending(encoder: Encoder, prepared: Prepared, question: Question) -> Prepared:
    """What was just said gets its vectors before the worker comes to it; nothing while the encoder cannot answer."""
    if question.vector is None or not prepared.pending.events:
        return prepared
    try:
        return replace(prepared, pending=prepared.pending.embedded(encoder))
    except EncoderUnavailableError:
        return prepared


def gather(  # noqa: PLR0913 - what was found, for which question, by which encoder
    reader: Reader, query: RecallQuery, prepared: Prepared, question: Question, hits: Hits, *, model: str
) -> Gathered:
    """Check the hits against the rows, rank them, and read what the context needs."""
    policy, reads = prepared.policy, ReadThrough(reader, query, prepared.reads, model)
    units = recall_units.units(reader, query, policy, question, model=model)
    named = [*hits.memories, *(id_.int for id_ in units.scenes.nearest)]
    memories = recall_units.shown(reads.memories(named), policy, query.now)
    wanted = list(hits.turns)
    if Kind.EVENT in query.narrowing.searched:
        wanted += [id_.int for id_ in units.segments.nearest]
        wanted += [source.event_id.int for unit in memories for source in sources_of(unit)]
    waiting = {id_.int for id_ in prepared.pending.events}
    turns = reads.turns([number for number in wanted if number not in waiting] if waiting else wanted)
    rows = _rows(prepared, question, hits, turns, memories)
    links = recall_links.among(reader, query, policy, memories)
    candidates = Candidates(rows, hits.limit, reads.outdated(), units.segments, units.scenes, links)
    fading = policy.retention
    weights = Weights(policy.recall, fading.tau_days, fading.enabled, fading.use_gain, everything=query.trace)
    ranked = rank(prepared.plan, question.words, candidates, weights, query.now, ranked_to(query, policy.recall))
    matched = matching(query, ranked)
    items = picked(query, policy.recall, matched, candidates)
    near = recall_items.first_turns([*items, *matched[: policy.recall.rerank]], candidates)
    return Gathered(
        prepared=prepared,
        ranked=ranked,
        items=items,
        candidates=candidates,
        neighbours=reads.neighbours(near if query.mode is not Mode.FAST else []),
        tail=reads.tail(policy.recall.tail_events),
        blocks=reads.blocks(user_summary=policy.blocks.user_summary),
        upcoming=reads.due(policy.recall.foresight_days),
        history=_history(reads, query, prepared),
        judgement=judge(
            query.text,
            prepared.plan.lexical,
            prepared.plan.wanted,
            _support(ranked),
            names=prepared.plan.names,
            blind=question.vector is None,
        ),
    )


def record_usage(conn: Connection, scope: UserScope, served: Mapping[UUID, int], at: datetime) -> None:
    """Note after the answer which memories were served, and how often."""
    if served:
        recall.record_usage(conn, scope, served, at)


def sources_of(unit: Unit) -> Sequence[Source]:
    """What a memory rests on."""
    return unit.memory.sources if unit.memory else ()


def _rows(
    prepared: Prepared, question: Question, hits: Hits, turns: Sequence[Unit], memories: Sequence[Unit]
) -> list[Row]:
    """Turns from the index and pending ones, then memories, with their evidence."""
    rows = [Row(unit, hits.turns.get(unit.id.int, NOTHING)) for unit in turns]
    pending = prepared.pending
    if pending.events:
        matched = [
            SparseVector.from_bytes(row.unit.terms.text) for row in rows if row.evidence.text and row.unit.terms.text
        ]
        scores = rank_pending(question.words, pending.turns, matched, prepared.about.events)
        near = pending.evidence(question)
        for id_ in pending.choose(scores, near, hits):
            known = hits.turns.get(id_.int, NOTHING)
            evidence = near[id_].better(known) if id_ in near else known
            rows.append(Row(pending.unit(id_), evidence, scores[id_]))
    return [*rows, *(Row(unit, hits.memories.get(unit.id.int, NOTHING)) for unit in memories)]


def _support(ranked: Sequence[Item]) -> list[Support]:
    """What the best items offer for the question."""
    return [
        Support(
            dense=item.dense,
            memory=item.unit.memory is not None,
            terms=item.unit.words,
            text=item.unit.text,
            total=item.total,
            signals={name: item.signal(name) for name in JUDGED},
        )
        for item in ranked[:SEEN]
    ]


def _history(reads: ReadThrough, query: RecallQuery, prepared: Prepared) -> Sequence[Unit] | None:
    """Every turn, where it may be that all of them fit the budget; None otherwise."""
    most = min(LONGEST_HISTORY, query.max_tokens // LEAST_LINE)
    if query.mode is not Mode.AUTO or Kind.EVENT not in query.narrowing.searched or prepared.about.events > most:
        return None
    return reads.history(most)
