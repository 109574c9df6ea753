"""A recall in steps, so that no transaction is open while the encoder or the index is asked:

prepare (tx) -> recall_search.ask -> recall_search.search, or fall_back (tx) -> gather (tx) -> recall_answer.compose ->
lifecycle.note_uses (tx)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from app.domain.birthdays import Birthday
from app.domain.blocks import ShownBlock
from app.domain.columns import Weights
from app.domain.pending import rank_pending
from app.domain.policy import Policy
from app.domain.query import Kind, Mode, Narrowing, QueryPlan, RecallQuery, understand
from app.domain.ranking import Item, rank
from app.domain.sparse import SparseVector
from app.domain.sufficiency import Judgement
from app.domain.units import NOTHING, Candidates, Row, Unit
from app.inference.protocol import Encoder, EncoderUnavailableError
from app.services import recall_items, recall_links, recall_units
from app.services.recall_goals import ALONE, Beside, Round
from app.services.recall_items import MOST_ITEMS, matching, picked, ranked_to
from app.services.recall_judgement import is_thin, judged
from app.services.recall_memo import Reads, RecallMemo
from app.services.recall_pending import NOTHING_PENDING, PendingTurns
from app.services.recall_reads import Reader, ReadThrough
from app.services.recall_rewrite import Rewritten
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
    thin: bool  # whether a further round may be of use
    reranked: str | None = None  # what came of the second model's order; None where it was not asked
    rounds: Sequence[Round] = ()  # after the first
    rewritten: Rewritten | None = None  # None where no model was to be asked for other words
    hidden: Sequence[tuple[Kind, int]] = ()  # what the index found and PostgreSQL does not show, for a trace

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
        reads.about = recall.about_user(conn, scope, query.now)
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


def read_ahead(reader: Reader, query: RecallQuery, prepared: Prepared, *, model: str) -> None:
    """Read what gathering will ask for whatever is found."""
    policy, reads = prepared.policy, ReadThrough(reader, query, prepared.reads, model)
    reads.outdated()
    reads.tail(policy.recall.tail_events)
    reads.blocks(user_summary=policy.blocks.user_summary)
    reads.due(policy.recall.foresight_days)
    _history(reads, query, prepared)


def tail(reader: Reader, query: RecallQuery, prepared: Prepared, *, model: str) -> Sequence[Unit]:
    """The last turns of the session that was named."""
    return ReadThrough(reader, query, prepared.reads, model).tail(prepared.policy.recall.tail_events)


def gather(  # noqa: PLR0913 - what was found, for which question and beside it, by which encoder
    reader: Reader,
    query: RecallQuery,
    prepared: Prepared,
    question: Question,
    own: Hits,
    *,
    model: str,
    beside: Beside = ALONE,
) -> Gathered:
    """Check the hits against the rows, rank them, and read what the context needs."""
    hits = beside.added_to(own)
    policy, reads = prepared.policy, ReadThrough(reader, query, prepared.reads, model)
    units = recall_units.units(reader, query, policy, question, model=model)
    named = [*hits.memories, *(id_.int for id_ in units.scenes.nearest)]
    memories = recall_units.shown(reads.memories(named), policy, query)
    turns = reads.turns(_wanted(query, prepared, hits, memories, [id_.int for id_ in units.segments.nearest]))
    rows = _rows(prepared, question, hits, turns, memories)
    links = [*recall_links.among(reads, policy, memories), *beside.links]
    candidates = Candidates(rows, hits.limit, reads.outdated(), units.segments, units.scenes, links)
    weighing = recall_links.following(policy.recall) if beside.links else policy.recall
    weights = Weights(weighing, policy.retention, everything=query.trace)
    most = ranked_to(query, policy.recall) if beside is ALONE else MOST_ITEMS
    ranked = rank(prepared.plan, question.words, candidates, weights, query.now, most)
    matched = matching(query, ranked)
    items = picked(query, policy.recall, matched, candidates)
    near = recall_items.first_turns([*items, *matched[: policy.recall.rerank]], candidates)
    cosines = None if beside is ALONE else _cosines(prepared, question, own)
    blind = question.vector is None
    judgement = judged(query, prepared.plan, ranked, blind=blind, goals=beside.goals, cosines=cosines)
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
        judgement=judgement,
        hidden=_hidden(hits, candidates, prepared) if query.trace else (),
        thin=not judgement.sufficient or is_thin(query, prepared.plan, ranked, goals=beside.goals, cosines=cosines),
    )


def _wanted(
    query: RecallQuery, prepared: Prepared, hits: Hits, memories: Sequence[Unit], more: Sequence[int] = ()
) -> list[int]:
    """The numbers of the turns that were found, or that memories rest on, without those that are pending."""
    wanted = [*hits.turns]
    if Kind.EVENT in query.narrowing.searched:
        wanted += more
        wanted += [source for unit in memories for source in unit.sources]
    waiting = {id_.int for id_ in prepared.pending.events}
    return [number for number in wanted if number not in waiting] if waiting else wanted


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


def _hidden(hits: Hits, found: Candidates, prepared: Prepared) -> list[tuple[Kind, int]]:
    """Kind and number of what was found and is no candidate; a pending turn is not hidden, it is ranked apart."""
    pending = {id_.int for id_ in prepared.pending.events}
    turns = [(Kind.EVENT, number) for number in hits.turns if number not in found.place and number not in pending]
    return [*turns, *((Kind.MEMORY, number) for number in hits.memories if number not in found.place)]


def _cosines(prepared: Prepared, question: Question, own: Hits) -> dict[int, float]:
    """Cosines to the question itself, by the number of a candidate's id."""
    pending = {id_.int: evidence for id_, evidence in prepared.pending.evidence(question).items()}
    found = (*pending.items(), *own.turns.items(), *own.memories.items())
    return {id_: evidence.dense for id_, evidence in found if evidence.dense is not None}


def _history(reads: ReadThrough, query: RecallQuery, prepared: Prepared) -> Sequence[Unit] | None:
    """Every turn, where it may be that all of them fit the budget; None otherwise."""
    most = min(LONGEST_HISTORY, query.max_tokens // LEAST_LINE)
    if query.mode is not Mode.AUTO or Kind.EVENT not in query.narrowing.searched or prepared.about.events > most:
        return None
    return reads.history(most)
