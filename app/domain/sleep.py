"""What sleep-time work sees of a user (memories, links and reflections) and what it may do (the actions of a plan).
Pure; read by `storage/sleeping`, planned by `sleep_plan`, done by `workers/lifecycle`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import numpy as np
import numpy.typing as npt

from app.domain.dates import CalendarDate
from app.domain.memory import Memory, MemoryType

RECURRING = "recurring"  # the attribute of reflections that sleep derives; their value is what recurs


def is_derived(memory: Memory) -> bool:
    """Whether sleep derived it: a reflection of an app's own is a memory like any other."""
    return memory.type is MemoryType.REFLECTION and memory.attribute == RECURRING


@dataclass(frozen=True, slots=True)
class SleepMemory:
    """An active memory with all that tells whether another one says the same. `occurred_at` is local to who said it;
    `event_ids`, `segment_ids` and `sessions` are those of its sources; `dense` is None until it is embedded.
    """

    id: UUID
    version: int
    type: MemoryType
    text: str
    subject: str | None
    attribute: str | None
    value: str | None
    single_valued: bool
    negated: bool
    frozen: bool
    occurred_at: datetime
    live_from: datetime
    event_time: CalendarDate | None
    valid_from: CalendarDate | None
    valid_to: CalendarDate | None
    expires_at: datetime | None
    agent_id: str | None
    event_ids: frozenset[UUID]
    segment_ids: frozenset[UUID]
    sessions: tuple[str, ...]
    entities: tuple[str, ...]
    use_count: float
    dense: npt.NDArray[np.float32] | None


@dataclass(frozen=True, slots=True)
class SleepLink:
    """A stored link, `lasting` while neither end is merged or erased."""

    id: UUID
    from_id: UUID
    to_id: UUID
    type: str
    weight: float
    lasting: bool = True


@dataclass(frozen=True, slots=True)
class OldReflection:
    """A reflection of an earlier run, whatever its status is now; `members` are the memories that it rests on, as far
    as these had not ended when it was written. `withdrawn`: because one of them ended since.
    """

    id: UUID
    version: int
    active: bool
    frozen: bool
    members: frozenset[UUID]
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """All of a user that a plan is made of. `memories` are without the reflections that sleep derived itself."""

    memories: Sequence[SleepMemory] = ()
    links: Sequence[SleepLink] = ()
    reflections: Mapping[UUID, OldReflection] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Gone:
    """A memory that another one takes the place of: why, and from when on it is history (None: it never was alone)."""

    id: UUID
    version: int
    reason: str
    cosine: float
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Merge:
    """One memory that stays and those that it takes the place of."""

    kept: UUID
    version: int
    gone: tuple[Gone, ...]


@dataclass(frozen=True, slots=True)
class AddLink:
    """A link that is missing. `versions` are those of its ends."""

    from_id: UUID
    to_id: UUID
    type: str
    weight: float
    reason: str
    versions: tuple[int, int]


@dataclass(frozen=True, slots=True)
class DropLink:
    """A link that is there and should not be, and why."""

    link_id: UUID
    from_id: UUID
    to_id: UUID
    type: str
    reason: str


@dataclass(frozen=True, slots=True)
class Reflect:
    """A reflection to be written: new where `version` is 0, else a new version of it. `members` are the memories that
    it is derived from, with their versions, in the order of time; `lines` what a model may be shown of them.
    """

    id: UUID
    version: int
    text: str
    subject: str
    theme: str
    members: tuple[tuple[UUID, int], ...]
    lines: tuple[str, ...]
    sessions: int
    first_at: datetime
    last_at: datetime


Action = Merge | AddLink | DropLink | Reflect
