"""Several granularities asked at once (MemGAS): turns, the segments and scenes that they belong to, and memories. Pure.

A granularity whose scores set a few units apart counts more than one in which all are alike: its weight is one minus
its entropy, divided by the logarithm of the number of units, so that it is never negative.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
import numpy.typing as npt

from app.domain.fusion import EPSILON, Vector

TEMPERATURE = 0.1  # of the softmax over cosines; MemGAS uses .1 to .2
REACH = 3  # units of a granularity whose members become candidates though no signal listed them


@dataclass(frozen=True, slots=True)
class Unit:
    """A segment or a scene: the turns or memories in it, and its direction as float16."""

    members: tuple[UUID, ...]
    dense: bytes


@dataclass(frozen=True, slots=True)
class Granularity:
    """How near every unit of one size is to the question, and the best of those that a member belongs to."""

    scores: Sequence[float]
    of_member: Mapping[UUID, float]
    nearest: tuple[UUID, ...] = ()  # the members of the nearest units

    def best(self, members: Iterable[UUID]) -> float | None:
        """How near the nearest unit of any of these is."""
        return max((self.of_member[member] for member in members if member in self.of_member), default=None)


def asked(units: Sequence[Unit], question: npt.NDArray[np.float32]) -> Granularity:
    """The units by their cosine to the question."""
    if not units:
        return Granularity((), {})
    matrix = np.frombuffer(b"".join(unit.dense for unit in units), dtype="<f2").reshape(len(units), -1)
    vectors = matrix.astype(np.float32)
    scores = (vectors @ question / np.maximum(np.linalg.norm(vectors, axis=1), 1e-9)).tolist()
    best: dict[UUID, float] = {}
    for unit, score in zip(units, scores, strict=True):
        for member in unit.members:
            best[member] = max(score, best.get(member, -1.0))
    order = sorted(range(len(units)), key=lambda place: (-scores[place], place))[:REACH]
    return Granularity(scores, best, tuple(dict.fromkeys(m for place in order for m in units[place].members)))


def entropy_weights(scores: Sequence[Sequence[float]]) -> list[float]:
    """A weight for each granularity, together 1; equal ones where none tells its units apart."""
    clear = [1.0 - _entropy(of_one) for of_one in scores]
    total = sum(clear)
    return [value / total for value in clear] if total > 0 else [1.0 / len(clear) for _ in clear]


def _entropy(scores: Sequence[float]) -> float:
    """Of the softmax over the scores, as a share of the most that it can be; 1 where there is nothing to choose."""
    if len(scores) < 2:
        return 1.0
    scaled = np.asarray(scores, dtype=np.float64) / TEMPERATURE
    shares = np.exp(scaled - scaled.max())
    shares /= shares.sum()
    entropy = -float(np.sum(shares * np.log(np.maximum(shares, 1e-12))))
    return min(1.0, max(0.0, entropy / float(np.log(len(scores)))))


def standing(values: Sequence[float | None], granularity: Granularity) -> Vector:
    """Scores of units as z-scores over all units; a candidate that belongs to none is average."""
    if len(granularity.scores) < 2:
        return np.zeros(len(values))
    mean, spread = float(np.mean(granularity.scores)), max(float(np.std(granularity.scores)), EPSILON)
    return np.array([0.0 if value is None else (value - mean) / spread for value in values])


NO_UNITS = Granularity((), {})
