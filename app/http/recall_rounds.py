"""The rounds of a recall after the first, where that one was thin: goals of the question searched by themselves and one
hop along links, all inside a time limit. Whatever fails leaves the answer that was there. Used by `recall`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from app.domain.query import Kind, Mode, RecallQuery, Returns
from app.domain.subgoals import GoalKind, Subgoal, subgoals
from app.domain.units import Link
from app.http.deps import Edge
from app.http.recall_steps import Looked, search, timed
from app.inference.protocol import EncoderUnavailableError
from app.services import recall, recall_goals, recall_links, recall_rewrite
from app.services.recall import Gathered, Prepared
from app.services.recall_goals import ALONE, Beside, Ended, Goal, Round
from app.services.recall_items import in_front, keeping
from app.services.recall_reads import Reader
from app.services.recall_rewrite import Rewritten

DEEP_ROUNDS = 3  # at most, where the policy allows any
DEEP_FACTOR = 4.0  # of the time of a mode that may take longer
BEST = 5  # items whose links are followed: those that the verdict looks at


def further(  # noqa: PLR0913 - what was found first, and since when
    edge: Edge, query: RecallQuery, prepared: Prepared, first: Looked, seconds: dict[str, float], *, began: float
) -> Gathered:
    """What the first round gathered, or more where that was thin. `began` is when the recall did, on the process's
    clock: once its time is up no round starts.
    """
    if not first.gathered.thin or first.degraded or first.question.vector is None or not first.gathered.items:
        return first.gathered
    most = _most(query, prepared)
    if most == 0:
        return first.gathered
    with timed(edge, seconds, "rounds"):
        limit = prepared.policy.recall.round_seconds * (DEEP_FACTOR if query.mode is Mode.DEEP else 1.0)
        rounds = _Rounds(edge, query, prepared, first, first.gathered, first.beside)
        rounds.asked.update(goal.text for goal in first.beside.goals)
        return rounds.run(most, began + limit)


def rewrite(edge: Edge, query: RecallQuery, prepared: Prepared, seconds: dict[str, float]) -> Rewritten:
    """The question in a model's words, as far as one is configured and answers in time. The last turns of the session
    are read before, in a transaction of their own.
    """
    context, policy = edge.context, prepared.policy.recall
    if policy.rewrite_seconds == 0.0:
        return recall_rewrite.OFF
    if context.llm is None:
        return recall_rewrite.NOT_CONFIGURED
    with timed(edge, seconds, "rewrite"):
        with edge.read_when_needed(query.scope) as reader:
            tail = recall.tail(reader, query, prepared, model=context.encoder.fingerprint)
        mark = context.new_id().hex[-12:]
        rewritten = recall_rewrite.ask(context.llm, query, tail, mark, seconds=policy.rewrite_seconds)
    context.metrics.rewrites.labels(rewritten.problem or "ok").inc()
    if rewritten.problem is not None:
        context.logger.warning("question_not_rewritten", reason=rewritten.problem)
    return rewritten


def in_other_words(
    edge: Edge, query: RecallQuery, prepared: Prepared, rewritten: Rewritten, seconds: dict[str, float]
) -> Beside:
    """What the rewritten questions find, for the first round."""
    asked = [Subgoal(text, GoalKind.RESTATED) for text in rewritten.questions]
    if not asked:
        return ALONE
    with timed(edge, seconds, "encode_rewritten"):
        found = _found(edge, query, prepared, asked)
    return Beside(goals=found) if found else ALONE


def _most(query: RecallQuery, prepared: Prepared) -> int:
    """How many rounds there may be; none for `all_matches`, which shows what matches the question itself."""
    allowed = prepared.policy.recall.rounds
    if allowed == 0 or query.mode is Mode.FAST or query.returns is Returns.ALL_MATCHES:
        return 0
    return max(DEEP_ROUNDS, allowed) if query.mode is Mode.DEEP else allowed


def _found(edge: Edge, query: RecallQuery, prepared: Prepared, asked: Sequence[Subgoal]) -> list[Goal] | None:
    """The goals with what was found for each; None while the encoder or the index does not answer."""
    speakers, policy = prepared.about.speakers, recall_goals.narrowed(prepared.policy.recall)
    try:
        goals = recall_goals.read(edge.context.encoder, asked, speakers, query.now)
    except EncoderUnavailableError as error:
        edge.context.logger.warning("goals_not_encoded", error=str(error))
        return None
    found = []
    for goal in goals:
        hits = search(edge, query, prepared, goal.question, policy=policy)
        if hits is None:
            return None
        pending = recall_goals.pending_hits(prepared.pending, goal)
        found.append(replace(goal, hits=hits.merged(pending)))
    return found


@dataclass(slots=True)
class _Rounds:
    """Round after round over one question, the best first: what was asked and followed is not asked again."""

    edge: Edge
    query: RecallQuery
    prepared: Prepared
    first: Looked
    gathered: Gathered
    beside: Beside
    asked: set[str] = field(default_factory=set)
    followed: set[UUID] = field(default_factory=set)

    def run(self, most: int, until: float) -> Gathered:
        """As many rounds as there may be and are of use, none of them begun after `until`."""
        done: list[Round] = []
        ended: Ended | None = None
        while ended is None:
            if self.edge.context.monotonic() >= until:
                ended = Ended.TIME
                break
            outcome = self._round()
            if isinstance(outcome, Ended):
                ended = outcome
                break
            done.append(outcome)
            if not self.gathered.thin:
                ended = Ended.SUFFICIENT
            elif not outcome.new:
                ended = Ended.NOTHING_NEW
            elif len(done) == most:
                ended = Ended.LIMIT
        if not done and ended is not Ended.NOTHING_NEW:
            done.append(Round())
        rounds = [*done[:-1], *(replace(last, ended=ended) for last in done[-1:])]
        return replace(self.gathered, rounds=rounds)

    def _round(self) -> Round | Ended:
        """One round, or why there is none."""
        started = self.edge.context.monotonic()
        goals = self._goals()
        found = _found(self.edge, self.query, self.prepared, goals) if goals else []
        if found is None:
            return Ended.UNAVAILABLE
        query, question, hits = self.query, self.first.question, self.first.hits
        with self.edge.read_when_needed(query.scope) as reader:
            links = self._links(reader)
            if not found and not links:
                return Ended.NOTHING_NEW
            beside = Beside([*self.beside.goals, *found], [*self.beside.links, *links])
            model = self.edge.context.encoder.fingerprint
            wider = recall.gather(reader, query, self.prepared, question, hits, model=model, beside=beside)
        first = self.first.gathered.items[: (query.limit + 1) // 2]
        good = [*first, *recall_goals.best_of(beside.goals, wider.ranked)]
        new = wider.candidates.place.keys() - self.gathered.candidates.place.keys()
        items = keeping(good, wider.items, wider.ranked, query.limit)
        self.gathered = replace(wider, items=items if wider.sufficient else in_front(first, items))
        self.beside = beside
        spent = self.edge.context.monotonic() - started
        return Round(tuple(goal.text for goal in found), len(links), len(new), spent)

    def _goals(self) -> list[Subgoal]:
        """The goals of the question, and the question with what was found best for it: where that brings a name which
        the question does not know, in mode `deep` with the best item that it was not asked with.
        """
        plan, best = self.prepared.plan, self.gathered.items
        goals = [*subgoals(self.query.text, plan.names, plan.speakers)]
        if self.query.mode is Mode.DEEP:
            told = (recall_goals.feedback(plan, item) for item in best[:BEST])
            goals += [one for one in told if one.text not in self.asked][:1]
        elif recall_goals.leads_on(self.query, self.prepared.about.speakers, best[0]):
            goals.append(recall_goals.feedback(plan, best[0]))
        goals = [goal for goal in goals if goal.text not in self.asked]
        self.asked.update(goal.text for goal in goals)
        return goals

    def _links(self, reader: Reader) -> list[Link]:
        """One hop from the memories of the best items."""
        if Kind.MEMORY not in self.query.narrowing.searched:
            return []
        scores = recall_goals.memories_of(self.gathered.items[:BEST])
        starts = {id_: score for id_, score in scores.items() if id_ not in self.followed}
        self.followed.update(starts)
        return recall_links.followed(reader, self.query, starts)
