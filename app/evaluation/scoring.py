"""From answers to rows of measures, one row a question. Which measures, and over what, each data set defines here."""

from collections.abc import Iterable, Mapping, Sequence

from app.evaluation.dataset import OVERALL
from app.evaluation.measures import (
    hit_at,
    longmemeval_ndcg_at,
    ndcg_at,
    recall_all_at,
    recall_any_at,
    recall_at,
    reciprocal_rank,
)
from app.evaluation.running import Asked

Row = tuple[str, dict[str, float]]  # a group, and values by the name of their measure
ABSTENTION = "abstention"  # the group of questions that have no answer in LongMemEval
COST = ("tokens", "ms")  # of every row: tokens of the context, milliseconds until the answer


def cost_of(asked: Asked) -> dict[str, float]:
    """What the answer cost."""
    return {"tokens": float(asked.answer.tokens), "ms": 1e3 * asked.answer.seconds}


def turns_of(ranked: Sequence[str], gold: Iterable[str]) -> dict[str, float]:
    """Our measures over turns, those of LoCoMo's table first."""
    wanted = frozenset(gold)
    return {
        **{f"recall@{k}": recall_at(ranked, wanted, k) for k in (5, 10, 20)},
        "hit@10": hit_at(ranked, wanted, 10),
        "ndcg@10": ndcg_at(ranked, wanted, 10),
        "mrr": reciprocal_rank(ranked, wanted),
    }


def score_turns(everything: Iterable[Asked]) -> list[Row]:
    """LoCoMo and synthetic data: evidence turns of answerable questions; of the others, whether they are refused.

    `refused` and `answered` are shares of `sufficient` false and true. `stale first` is the share of questions about
    a changed value whose old statement ranks above the new one, `in context` of answers whose words the context holds.
    """
    rows: list[Row] = []
    for asked in everything:
        question, answer = asked.question, asked.answer
        if not question.answerable:
            rows.append((question.category, {"refused": float(not answer.sufficient), **cost_of(asked)}))
            continue
        if not question.gold:
            continue
        values = turns_of(answer.ranked, question.gold)
        if question.stale:
            values["stale first"] = float(_place(answer.ranked, question.stale) < _place(answer.ranked, question.gold))
        if question.answer:
            values["in context"] = float(question.answer.casefold() in answer.context.casefold())
        values |= {"answered": float(answer.sufficient), **cost_of(asked)}
        rows += [(question.category, values), (OVERALL, values)]
    return rows


def _place(ranked: Sequence[str], wanted: Iterable[str]) -> int:
    """Where the first of `wanted` stands; behind all when none does."""
    return min((ranked.index(id_) for id_ in wanted if id_ in ranked), default=len(ranked))


def score_longmemeval(everything: Iterable[Asked]) -> list[Row]:
    """LongMemEval by its official definition, at the level of sessions and of turns, and by ours over all turns.

    Official: user turns only; evidence are user turns with `has_answer` and the sessions that hold one; questions of
    abstention, and those with evidence of the assistant alone, are left out; NDCG as the benchmark computes it. The
    ranking of sessions is that of their first user turn, which is the same as enlarging k until k sessions are there.
    """
    rows: list[Row] = []
    for asked in everything:
        question, answer = asked.question, asked.answer
        if not question.answerable:
            rows.append((ABSTENTION, {"refused": float(not answer.sufficient), **cost_of(asked)}))
            continue
        if not question.gold:
            continue
        session_of = {e["id"]: e["session_id"] for e in asked.conversation.events if e["role"] == "user"}
        values = official(answer.ranked, question.gold, session_of) if question.gold & session_of.keys() else {}
        values |= {f"all turns {name}": value for name, value in turns_of(answer.ranked, question.gold).items()}
        values |= {"answered": float(answer.sufficient), **cost_of(asked)}
        rows += [(question.category, values), (OVERALL, values)]
    return rows


def official(ranked: Sequence[str], gold: Iterable[str], session_of: Mapping[str, str]) -> dict[str, float]:
    """LongMemEval's measures; `session_of` knows the user turns, and nothing else counts."""
    turns = [id_ for id_ in ranked if id_ in session_of]
    wanted = {id_ for id_ in gold if id_ in session_of}
    levels = {
        "session": (list(dict.fromkeys(session_of[id_] for id_ in turns)), {session_of[id_] for id_ in wanted}),
        "turn": (turns, wanted),
    }
    return {
        f"{level} {name}@{k}": measure(order, right, k)
        for level, (order, right) in levels.items()
        for k in (5, 10)
        for name, measure in (
            ("recall_any", recall_any_at),
            ("recall_all", recall_all_at),
            ("ndcg", longmemeval_ndcg_at),
        )
    }
