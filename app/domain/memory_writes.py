"""What one run of consolidation knows and writes. Made by the consolidate stage, written by `storage/changes`."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import numpy as np
import numpy.typing as npt

from app.domain.change import Neighbour, NewLink
from app.domain.dates import CalendarDate
from app.domain.memory import Candidate, MemoryStatus


@dataclass(frozen=True, slots=True)
class KnownMemory:
    """A memory as a run of consolidation holds it: what decisions see, and what a run may change besides. `said_again`
    in this run: a whole use, from which on it fades anew.
    """

    neighbour: Neighbour
    confidence: float
    stability: float
    valid_to: CalendarDate | None = None
    superseded_by: UUID | None = None
    said_again: bool = False


@dataclass(frozen=True, slots=True)
class Wording:
    """A text with its vector by `model`."""

    text: str
    dense: npt.NDArray[np.float32]
    model: str


@dataclass(frozen=True, slots=True)
class ChangedMemory:
    """A new version of a stored memory; with another `wording` its vectors change too."""

    known: KnownMemory
    change: str
    reason: str
    wording: Wording | None = None


@dataclass(frozen=True, slots=True)
class NewMemory:
    """A memory to be, as the run that makes it leaves it."""

    id: UUID
    candidate: Candidate
    text_hash: bytes
    status: MemoryStatus
    reason: str
    dense: npt.NDArray[np.float32]
    model: str
    live_from: datetime
    live_until: datetime | None = None
    valid_to: CalendarDate | None = None
    superseded_by: UUID | None = None
    confidence: float = 0.7
    stability: float = 1.0
    links: tuple[NewLink, ...] = ()


@dataclass(frozen=True, slots=True)
class Decided:
    """What was done about a candidate: `memory_id` is the memory that says it now, if any."""

    candidate_id: UUID
    decision: str
    reason: str
    memory_id: UUID | None
    ended: tuple[UUID, ...] = ()
    invalidated: tuple[UUID, ...] = ()
    revived: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class MemoryWrites:
    """Everything that one run writes; `relied_on` are the versions that it was decided on."""

    new: tuple[NewMemory, ...] = ()
    changed: tuple[ChangedMemory, ...] = ()
    sources: tuple[tuple[UUID, UUID], ...] = ()  # (memory, event)
    decided: tuple[Decided, ...] = ()
    relied_on: dict[UUID, int] = field(default_factory=dict)
