"""Whether what a recall found is enough to answer from: by the question, or by each goal where it has several."""

from collections.abc import Mapping, Sequence

from app.domain.query import QueryPlan, RecallQuery, understand
from app.domain.ranking import Item
from app.domain.subgoals import GoalKind, subgoals
from app.domain.sufficiency import BEST, JUDGED, SEEN, Judgement, Support, judge
from app.services.recall_goals import Goal


def judged(  # noqa: PLR0913 - the question as it was read, what was found, and by which measure
    query: RecallQuery,
    plan: QueryPlan,
    ranked: Sequence[Item],
    *,
    blind: bool,
    goals: Sequence[Goal] = (),
    cosines: Mapping[int, float] | None = None,
) -> Judgement:
    """The verdict over ranked items. `cosines` are those to the question itself, where items also stand by others: what
    is near to a goal is not near to the question for that. What a model made of the question may be answered instead.
    """
    whole = _judge(query.text, plan, ranked[:SEEN], cosines, blind=blind)
    restated = [_of_goal(goal, ranked) for goal in goals if goal.kind is GoalKind.RESTATED]
    if blind or not ranked or whole.sufficient or not restated:
        return whole
    other = _weakest(restated)
    return other if other.sufficient else whole


def is_thin(
    query: RecallQuery,
    plan: QueryPlan,
    ranked: Sequence[Item],
    *,
    goals: Sequence[Goal] = (),
    cosines: Mapping[int, float] | None = None,
) -> bool:
    """Whether one of several clauses of a question is answered badly, though the whole may be sufficient: the verdict
    is calibrated for one goal, and takes a long question for a good one. It asks for a further round, no more.
    """
    clauses = [_of_goal(goal, ranked) for goal in goals if goal.kind is GoalKind.CLAUSE]
    if not clauses:  # not searched yet: near to the question stands for near to the clause
        texts = [goal.text for goal in subgoals(query.text, plan.names, plan.speakers) if goal.kind is GoalKind.CLAUSE]
        plans = [understand(text, plan.speakers, query.now) for text in texts]
        clauses = [
            _judge(text, part, ranked[:SEEN], cosines, blind=False) for text, part in zip(texts, plans, strict=True)
        ]
    return bool(clauses) and not _weakest(clauses).sufficient


def _weakest(verdicts: Sequence[Judgement]) -> Judgement:
    return min(verdicts, key=lambda verdict: (verdict.sufficient, verdict.margin))


def _of_goal(goal: Goal, ranked: Sequence[Item]) -> Judgement:
    cosines = goal.dense
    nearest = sorted(ranked, key=lambda item: -cosines.get(item.id.int, 0.0))
    return _judge(goal.text, goal.plan, nearest[:SEEN], cosines, blind=False)


def _judge(
    text: str, plan: QueryPlan, items: Sequence[Item], cosines: Mapping[int, float] | None, *, blind: bool
) -> Judgement:
    supports = [
        Support(
            dense=item.dense if cosines is None else cosines.get(item.id.int, 0.0),
            memory=item.unit.memory is not None,
            terms=item.unit.words,
            text=item.unit.text,
            total=item.total,
            signals={name: item.signal(name) for name in JUDGED} if place < BEST else {},
        )
        for place, item in enumerate(items)
    ]
    among = len(items[0].table.found.rows) if items else 0
    return judge(text, plan.lexical, plan.wanted, supports, names=plan.names, among=among, blind=blind)
