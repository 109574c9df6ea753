"""How healthy a user's active memories are: duplicates, junk, staleness, growth. Pure; measured by `services/health`.

Nothing is decided by these numbers: they are for people and alerts. docs/operations.md says what each one means.
"""

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from app.domain import strength
from app.domain.dates import CalendarDate
from app.domain.memory import MemoryType
from app.domain.policy_lifecycle import RetentionPolicy
from app.domain.sameness import terms

NEAR = 0.95  # SPEC 6: what cosine may nominate as the same
CHUNK = 512  # rows of the cosine matrix at a time: 512 x 3,000 floats are 6 MB
FADED = 0.05  # SPEC 6: retention below this, and no importance, archives
LOW_IMPORTANCE, LOW_CONFIDENCE = 0.35, 0.5  # below what an extractor gives to a plain statement (0.5 and 0.7)
UNUSED = timedelta(days=180)  # without use or a new source; six time constants of a fact (choice)
LEAST_WORDS = 3
WINDOWS = (7, 30)  # days

# A statement that opens with one of these, or speaks of "yesterday", cannot be read alone.
_OPENS_OUTSIDE = re.compile(
    r"^(?:(?:and|but|so|then|because|also|or)\b|"
    r"(?:he|she|it|they|him|them|this|that|these|those|his|her|their|its|there|here)(?:'s|'re|'d|'ll)?\b)",
    re.IGNORECASE,
)
_MOVING_DAY = re.compile(
    r"\b(?:yesterday|today|tonight|tomorrow|(?:last|next|this) (?:week|month|year))\b", re.IGNORECASE
)

Matrix = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class MeasuredMemory:
    """An active memory as health sees it. `confirmed_at` is when it was recorded, used or last got a source; `repeats`
    says that a memory which is no longer active had the same text; `dense` is None until it is embedded.
    """

    type: MemoryType
    text: str
    frozen: bool
    occurred_at: datetime
    valid_to: CalendarDate | None
    expires_at: datetime | None
    confirmed_at: datetime
    importance: float
    confidence: float
    stability: float
    layer: int
    use_count: float
    repeats: bool
    dense: Matrix | None


@dataclass(frozen=True, slots=True)
class Growth:
    """Active memories of now that were not active `days` ago, and those of then that are not now."""

    days: int
    added: int
    gone: int

    @property
    def per_day(self) -> float:
        """Net growth of the active memories a day."""
        return (self.added - self.gone) / self.days


@dataclass(frozen=True, slots=True)
class Health:
    """The health of one user. `measured` are the newest of the `active` memories, over which the rest is counted."""

    measured_at: datetime
    active: int
    measured: int
    duplicates: int
    repeated: int
    junk: int
    stale: int
    growth: tuple[Growth, ...]

    def share(self, count: int) -> float:
        """`count` as a share of what was measured; 0 where nothing was."""
        return count / self.measured if self.measured else 0.0


def assess(
    memories: Sequence[MeasuredMemory],
    *,
    active: int,
    growth: Sequence[Growth],
    policy: RetentionPolicy,
    now: datetime,
) -> Health:
    """The health of these memories, of `active` in all, at `now`."""
    near = near_duplicates(memories)
    repeated = [memory.repeats for memory in memories]
    return Health(
        measured_at=now,
        active=active,
        measured=len(memories),
        duplicates=sum(one or other for one, other in zip(near, repeated, strict=True)),
        repeated=sum(repeated),
        junk=sum(is_junk(memory, policy, now) for memory in memories),
        stale=sum(is_stale(memory, now) for memory in memories),
        growth=tuple(growth),
    )


def near_duplicates(memories: Sequence[MeasuredMemory]) -> list[bool]:
    """For each memory, whether another one lies within cosine `NEAR` with equal numbers, names and polarity.

    An exact scan: about 0.1 s for 3,000 vectors of 384 dimensions on one core.
    """
    found = [False] * len(memories)
    placed = [(place, memory.dense) for place, memory in enumerate(memories) if memory.dense is not None]
    if not placed:
        return found
    matrix = np.stack([dense for _, dense in placed])
    matrix = matrix / np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-12)
    kinds: dict[Hashable, int] = {}
    kind = np.array([kinds.setdefault(terms(memories[place].text), len(kinds)) for place, _ in placed])
    for start in range(0, len(placed), CHUNK):
        rows = slice(start, start + CHUNK)
        near = (matrix[rows] @ matrix.T >= NEAR) & (kind[rows, None] == kind)
        for row in np.flatnonzero(near.sum(axis=1) > 1).tolist():  # each is near to itself
            found[placed[start + row][0]] = True
    return found


def is_junk(memory: MeasuredMemory, policy: RetentionPolicy, now: datetime) -> bool:
    """Whether nobody would miss it: it cannot be read alone, or it is of low importance and confidence, was never used
    and has faded. What is frozen never is.
    """
    if memory.frozen:
        return False
    if not self_contained(memory.text):
        return True
    low = memory.importance < LOW_IMPORTANCE and memory.confidence < LOW_CONFIDENCE
    return low and memory.use_count == 0 and retained(memory, policy, now) < FADED


def self_contained(text: str) -> bool:
    """Whether a statement can be read alone: three words at least, no pronoun or conjunction at its start, no day that
    moves ("yesterday").
    """
    words = text.split()
    return len(words) >= LEAST_WORDS and not _OPENS_OUTSIDE.match(text) and not _MOVING_DAY.search(text)


def is_stale(memory: MeasuredMemory, now: datetime) -> bool:
    """Whether its validity is over, or nothing has used or confirmed it for `UNUSED` (frozen ones excepted)."""
    offset = memory.occurred_at.utcoffset() or timedelta(0)
    if memory.valid_to is not None and memory.valid_to.end(offset) <= now:
        return True
    if memory.expires_at is not None and memory.expires_at <= now:
        return True
    return not memory.frozen and now - memory.confirmed_at > UNUSED


def retained(memory: MeasuredMemory, policy: RetentionPolicy, now: datetime) -> float:
    """What is left of a memory since it was last confirmed (`strength.retentions`)."""
    seconds = np.array([(now - memory.confirmed_at).total_seconds()], dtype=np.float64)
    stability, uses = np.array([memory.stability]), np.array([memory.use_count], dtype=np.float64)
    return float(
        strength.retentions(seconds, stability, uses, np.array([strength.code(memory.type, memory.layer)]), policy)[0]
    )
