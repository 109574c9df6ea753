"""How much is left of a memory, how it grows with use, and its strength as one number. Pure: time is an argument.

Ranking computes with the vectors here, the decay sweep and answers with the single values; sources of the formulas are
in docs/lifecycle.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from app.domain.dates import Precision
from app.domain.memory import Memory, MemoryType
from app.domain.policy_lifecycle import Curve, LayersPolicy, RetentionPolicy

Vector = npt.NDArray[np.float64]

DAY = 86_400.0
LEAST_STABILITY = 0.01
LAYERS = ("short", "mid", "long")
RETURN_SHARE = 0.8  # of the best item's score: what ranks below stood beside the answer, and was not used (choice)
RETURNED, USED = 0.5, 1.0  # what counts as a use: MemoryBank counts a recall, SEEDS 28.4 halves one nobody confirmed
POWER_DECAY = -0.5  # FSRS-4.5; the factor below replaces its 19/81, which makes R(S) .9, by what makes it 1/e
POWER_FACTOR = float(np.exp(-1.0 / POWER_DECAY)) - 1.0
ACCESS_BONUS = 0.05  # FinMem: importance, of 100, grows by 5 a use
FLOOR = 0.5  # choice: what is not important at all, or doubted, has half the strength
LAPSE = 0.5  # choice: what a memory keeps of its stability when it is called wrong


@dataclass(frozen=True, slots=True)
class Scales:
    """By the number of a type in its layer (`code`): the time constant in days, 0 where nothing fades, and whether its
    curve is the power one. The last entry is of what has no type.
    """

    tau_days: Vector
    is_power: npt.NDArray[np.bool_]
    any_power: bool


@dataclass(frozen=True, slots=True)
class Strength:
    """How a memory stands: retention R, importance as it is by now, and both with confidence in one number."""

    retention: float
    importance: float
    strength: float


def code(type_: MemoryType, layer: int) -> float:
    """The number of a type in a layer, as `scales` knows it."""
    return float(_NUMBER[type_] + len(_NUMBER) * layer)


_NUMBER = {type_: number for number, type_ in enumerate(MemoryType)}


@lru_cache(maxsize=64)
def scales(policy: RetentionPolicy) -> Scales:
    """Time constants and curves by `code`; one policy asks again and again."""
    taus = []
    for settings in policy.layers.all:
        of_layer = settings.tau_days if policy.layers.enabled else None
        for type_ in MemoryType:
            tau = policy.tau_days.of(type_)
            taus.append(tau if of_layer is None or tau == 0 else of_layer)
    power = [policy.curve.of(type_) is Curve.POWER for type_ in MemoryType] * len(LAYERS)
    is_power = np.array([*power, False])
    return Scales(np.array([*taus, 0.0]), is_power, bool(is_power.any()))


def exponential(days: Vector, scale: Vector) -> Vector:
    """R = exp(-days / scale), scale = tau * S > 0 (Ebbinghaus, MemoryBank). Stronger memories fade more slowly."""
    faded: Vector = np.exp(-days / scale)
    return faded


def power(days: Vector, scale: Vector) -> Vector:
    """R = (1 + F * days / scale) ** -0.5 (FSRS-4.5), with F = e^2 - 1: 1/e after `scale` days, as the exponential."""
    faded: Vector = (1.0 + POWER_FACTOR * days / scale) ** POWER_DECAY
    return faded


def retentions(seconds: Vector, stability: Vector, uses: Vector, codes: Vector, policy: RetentionPolicy) -> Vector:
    """R of each memory, `seconds` after it was recorded or last used; 1 for what does not fade. A negative age is 0."""
    by = scales(policy)
    places = codes.astype(np.int64)
    grown = np.minimum(np.maximum(stability, LEAST_STABILITY) + policy.use_gain * uses, policy.most_stability)
    scale = by.tau_days[places] * grown
    fades = scale > 0
    days, safe = np.maximum(seconds, 0.0) / DAY, np.where(fades, scale, 1.0)
    left = exponential(days, safe)
    if by.any_power:
        left = np.where(by.is_power[places], power(days, safe), left)
    return np.where(fades, left, 1.0)


def since(memory: Memory) -> datetime:
    """From when on a memory fades: recorded, last used, or come into its layer; never the time that it speaks of."""
    moments = (memory.created_at, memory.last_used_at, memory.layered_at)
    return max(moment for moment in moments if moment is not None)


def kind_at(memory: Memory, policy: RetentionPolicy, now: datetime) -> MemoryType:
    """As what it fades: a fact that only tells what happened on a day is an episode, whatever extraction calls it."""
    when = memory.event_time
    if (
        not policy.dated_as_episode
        or memory.type is not MemoryType.FACT
        or memory.attribute is not None
        or when is None
    ):
        return memory.type
    on_a_day = when.precision in {Precision.DAY, Precision.TIME}
    over = on_a_day and when.start(memory.occurred_at.utcoffset() or timedelta(0)) <= now
    return MemoryType.EPISODE if over else memory.type


def fades(memory: Memory, policy: RetentionPolicy) -> bool:
    """Whether time takes anything from the memory: not from a frozen one, nor from types without a time constant."""
    return policy.enabled and not memory.frozen and policy.tau_days.of(memory.type) > 0


def strengths(memories: Sequence[Memory], policy: RetentionPolicy, now: datetime) -> list[Strength]:
    """How each memory stands at `now`."""
    if not memories:
        return []
    rows = [
        (
            (now - since(memory)).total_seconds(),
            memory.stability,
            memory.use_count,
            code(kind_at(memory, policy, now), memory.layer) if fades(memory, policy) else -1.0,
        )
        for memory in memories
    ]
    ages, stabilities, uses, codes = np.array(rows, dtype=np.float64).T
    left = retentions(ages, stabilities, uses, codes, policy).tolist()
    found = []
    for memory, retention in zip(memories, left, strict=True):
        importance = important_by_now(memory, policy.layers, now) if fades(memory, policy) else memory.importance
        found.append(Strength(retention, importance, combined(retention, importance, memory.confidence)))
    return found


def combined(retention: float, importance: float, confidence: float) -> float:
    """One number between 0 and 1: retention times (1 + importance) / 2 times (1 + confidence) / 2. A choice: each alone
    halves it at most but retention, which may take everything.
    """
    return retention * (FLOOR + (1 - FLOOR) * importance) * (FLOOR + (1 - FLOOR) * confidence)


def important_by_now(memory: Memory, layers: LayersPolicy, now: datetime) -> float:
    """Importance after the days in its layer, and more for each use (FinMem); as it is without layers."""
    if not layers.enabled:
        return memory.importance
    days = max(0.0, (now - (memory.layered_at or memory.created_at)).total_seconds() / DAY)
    factor = layers.all[memory.layer].importance_factor
    left: float = memory.importance * factor**days
    return min(1.0, left + ACCESS_BONUS * memory.use_count)


def next_layer(layer: int, importance: float, layers: LayersPolicy) -> int:
    """One layer up, one down, or the same, by what is left of importance (FinMem)."""
    settings = layers.all[layer]
    if importance >= settings.promote_at and layer + 1 < len(LAYERS):
        return layer + 1
    return layer - 1 if layer > 0 and importance < settings.demote_below else layer


def growth(retention: float, uses: float, policy: RetentionPolicy) -> float:
    """What `uses` add to stored stability beyond `use_gain`, which ranking counts from the number of uses: the spacing
    effect, nothing for what had not faded and the most for what had. What was only returned earns none: it was found,
    not needed.
    """
    return 0.0 if uses < USED else uses * policy.use_gain * policy.spacing * (1.0 - retention)
