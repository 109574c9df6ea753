"""The blend: raw scores of several signals to one number per candidate. Pure numpy; used by `ranking`.

A z-score blend, because rank fusion of a weak and a strong signal is worse than the strong one alone (FIGURES.md).
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]

EPSILON = 1e-9


class Evidence(NamedTuple):
    """Raw scores of one candidate; None where it was not among the best of that signal."""

    dense: float | None = None
    text: float | None = None
    window: float | None = None

    def better(self, other: "Evidence") -> "Evidence":
        """The higher score of each signal."""
        return Evidence(
            _higher(self.dense, other.dense), _higher(self.text, other.text), _higher(self.window, other.window)
        )


def _higher(one: float | None, other: float | None) -> float | None:
    if one is None or other is None:
        return other if one is None else one
    return max(one, other)


def floor(values: Vector, *, limit: int, lexical: bool) -> float:
    """What a candidate scores at most that is missing from a list. A lexical list shorter than the limit holds every
    match, so the rest is a true zero; otherwise the last of the list is the bound.
    """
    if not len(values) or (lexical and len(values) < limit):
        return 0.0
    return float(values.min())


Mask = npt.NDArray[np.bool_]


def standard(values: Vector, known: Mask | None = None, sample: Mask | None = None) -> Vector:
    """Z-scores; 0 for all when they do not differ. Values that are not `known` count as average. Mean and spread are
    those of the known values of `sample`, or of all known ones when it holds none.
    """
    usable = np.ones(len(values), dtype=bool) if known is None else known
    preferred = usable if sample is None else usable & sample
    chosen = values[preferred if preferred.any() else usable]
    if not len(chosen):
        return np.zeros_like(values)
    mean = float(chosen.sum()) / len(chosen)
    apart = chosen - mean
    spread = math.sqrt(float(apart @ apart) / len(chosen))  # numpy's own mean and std take five times as long
    if spread < EPSILON:
        return np.zeros_like(values)
    return np.where(usable, (values - mean) / spread, 0.0)


def squash(total: float) -> float:
    """A blended score as a number between 0 and 1 that keeps the order; its middle is 2.4, as the tenth often has."""
    return 1.0 / (1.0 + math.exp(-(total - 2.4) / 1.2))
