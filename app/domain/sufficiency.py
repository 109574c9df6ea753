"""Whether what was found is good enough to answer from. A pure rule over the best items; used by recall."""

from collections.abc import Sequence
from dataclasses import dataclass

BEST = 5  # items looked at

# On the 80 development scenarios this accepts 96 % of the answerable questions and refuses 11 % of the others: most
# unanswerable questions are about the same things and differ in one detail, which neither cosine nor shared words can
# tell. So the rule refuses what is far from everything, and no more.
CLOSE = 0.24  # cosine of the nearest of the best items; .25 already refuses 7 % of the answerable
COVERED = 0.6  # share of the question's words that one item holds: then it is about the same thing
COVERED_BLIND = 0.3  # the same for items that have no vector yet


@dataclass(frozen=True, slots=True)
class Support:
    """What one item offers for the question: cosine (None without a vector) and the covered share of its words."""

    dense: float | None
    coverage: float


def is_sufficient(best: Sequence[Support]) -> bool:
    """True when one of the best items is about what the question is about; never for an empty history."""
    return any(_supports(support) for support in best[:BEST])


def _supports(support: Support) -> bool:
    if support.dense is None:
        return support.coverage >= COVERED_BLIND
    return support.dense >= CLOSE or support.coverage >= COVERED
