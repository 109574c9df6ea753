"""Measures of a ranking against the sources that hold the answer. Pure; read by `scoring`.

`ranked` are ids best first, each once; `gold` is never empty. All values are shares between 0 and 1.
"""

import math
from collections.abc import Callable, Collection, Sequence


def recall_at(ranked: Sequence[str], gold: Collection[str], k: int) -> float:
    """The share of `gold` among the first `k` (LoCoMo's recall@k, Maharana et al. 2024)."""
    return len(set(gold) & set(ranked[:k])) / len(set(gold))


def recall_any_at(ranked: Sequence[str], gold: Collection[str], k: int) -> float:
    """1 when at least one of `gold` is among the first `k` (LongMemEval's recall_any@k)."""
    return float(bool(set(gold) & set(ranked[:k])))


def recall_all_at(ranked: Sequence[str], gold: Collection[str], k: int) -> float:
    """1 when all of `gold` are among the first `k` (LongMemEval's recall_all@k, "Recall" in its paper)."""
    return float(set(gold) <= set(ranked[:k]))


def hit_at(ranked: Sequence[str], gold: Collection[str], k: int) -> float:
    """The same under the name that our tables of LoCoMo use: hit@k is 1 when nothing of `gold` is missing."""
    return recall_all_at(ranked, gold, k)


def reciprocal_rank(ranked: Sequence[str], gold: Collection[str]) -> float:
    """1 over the place of the first of `gold`, 0 when none is there; its mean over questions is MRR."""
    wanted = set(gold)
    return next((1.0 / place for place, id_ in enumerate(ranked, 1) if id_ in wanted), 0.0)


def _discount(place: int) -> float:
    """Of DCG (Järvelin and Kekäläinen, 2002), for places from 0: every place after the first counts less."""
    return 1.0 / math.log2(place + 2)


def _longmemeval_discount(place: int) -> float:
    """Of LongMemEval's dcg: the first two places count in full, from there on 1 / log2(place + 1)."""
    return 1.0 if place == 0 else 1.0 / math.log2(place + 1)


def _normalised(ranked: Sequence[str], gold: Collection[str], k: int, discount: Callable[[int], float]) -> float:
    wanted = set(gold)
    gain = sum(discount(place) for place, id_ in enumerate(ranked[:k]) if id_ in wanted)
    return gain / sum(discount(place) for place in range(min(k, len(wanted))))


def ndcg_at(ranked: Sequence[str], gold: Collection[str], k: int) -> float:
    """NDCG@k with gain 1 and discount log2(rank + 2) for ranks from 0, over the best ranking that is possible."""
    return _normalised(ranked, gold, k, _discount)


def longmemeval_ndcg_at(ranked: Sequence[str], gold: Collection[str], k: int) -> float:
    """NDCG@k as LongMemEval defines it (arXiv 2410.10813): dcg = rel[0] + sum of rel[i] / log2(i + 1) for i >= 1.

    Places 1 and 2 are both undiscounted, so its values are not comparable with `ndcg_at`.
    """
    return _normalised(ranked, gold, k, _longmemeval_discount)


def percentile(values: Sequence[float], share: float) -> float:
    """The value at rank round(share * (n - 1)) of the sorted values, in their unit; NaN of nothing."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))] if ordered else math.nan


def mean(values: Sequence[float]) -> float:
    """The arithmetic mean, in their unit; NaN of nothing."""
    return sum(values) / len(values) if values else math.nan
