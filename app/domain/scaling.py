"""How scores of different signals are made comparable before they are weighed: z-scores, min-max or reciprocal ranks.
Pure numpy; the policy's `recall.fusion` chooses, `columns` applies.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol

import numpy as np

from app.domain.fusion import EPSILON, Mask, Vector, standard

RANK_OFFSET = 60  # of reciprocal-rank fusion (Cormack, Clarke and Buettcher, 2009)


class Fusion(StrEnum):
    """The names that the policy has for them."""

    ZSCORE = "zscore"
    MINMAX = "minmax"
    RANK = "rank"


class Scale(Protocol):
    """Scores to comparable ones: higher stays higher, all 0 when they do not differ. What is not `known` counts as
    average; the yardstick are the known values of `sample`, or all known ones when it holds none.
    """

    def __call__(self, values: Vector, known: Mask | None = None, sample: Mask | None = None) -> Vector: ...


def minmax(values: Vector, known: Mask | None = None, sample: Mask | None = None) -> Vector:
    """See `Scale`. The sample lies between 0 and 1; others may lie outside."""
    usable, chosen = _yardstick(values, known, sample)
    if not len(chosen) or (spread := float(np.ptp(chosen))) < EPSILON:
        return np.zeros_like(values)
    scaled = (values - chosen.min()) / spread
    return np.where(usable, scaled, float(((chosen - chosen.min()) / spread).mean()))


def reciprocal_rank(values: Vector, known: Mask | None = None, sample: Mask | None = None) -> Vector:
    """See `Scale`. 61 / (60 + rank) among the sample: 1 for the best of it; equals share the mean of their ranks."""
    usable, chosen = _yardstick(values, known, sample)
    if not len(chosen) or float(np.ptp(chosen)) < EPSILON:
        return np.zeros_like(values)
    ordered = np.sort(chosen)
    above = len(ordered) - np.searchsorted(ordered, values, side="right")
    equal = len(ordered) - above - np.searchsorted(ordered, values, side="left")
    scaled = (1.0 + RANK_OFFSET) / (RANK_OFFSET + 1.0 + above + np.maximum(equal - 1, 0) / 2.0)
    return np.where(usable, scaled, float(_among(ordered).mean()))


def _yardstick(values: Vector, known: Mask | None, sample: Mask | None) -> tuple[Mask, Vector]:
    usable = np.ones(len(values), dtype=bool) if known is None else known
    preferred = usable if sample is None else usable & sample
    return usable, values[preferred if preferred.any() else usable]


def _among(ordered: Vector) -> Vector:
    """What so many places are worth when none is shared."""
    return np.asarray((1.0 + RANK_OFFSET) / (RANK_OFFSET + 1.0 + np.arange(len(ordered))), dtype=np.float64)


SCALES: Mapping[Fusion, Scale] = {Fusion.ZSCORE: standard, Fusion.MINMAX: minmax, Fusion.RANK: reciprocal_rank}
