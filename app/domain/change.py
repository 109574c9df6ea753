"""What consolidation decides about a candidate. Made by `decide`, applied by the consolidate stage."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from app.domain.dates import CalendarDate
from app.domain.memory import MemoryStatus, MemoryType


class Decision(StrEnum):
    """What happens with a candidate."""

    ADD = "add"
    IGNORE = "ignore"
    MERGE = "merge"
    SUPERSEDE = "supersede"
    INVALIDATE = "invalidate"
    LINK = "link"


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A memory that a candidate may be about, as far as a decision needs it.

    `last_said_at` is the latest moment at which any of its sources said it, in conversation time. `cosine` is that of
    its text and the candidate's, where it is among the nearest.
    """

    id: UUID
    version: int
    type: MemoryType
    text: str
    text_hash: bytes
    subject: str | None
    attribute: str | None
    value: str | None
    single_valued: bool
    negated: bool
    status: MemoryStatus
    frozen: bool
    live_from: datetime
    live_until: datetime | None
    last_said_at: datetime
    event_ids: frozenset[UUID] = frozenset()
    cosine: float | None = None
    session_id: str | None = None
    valid_from: CalendarDate | None = None
    valid_to: CalendarDate | None = None
    superseded_by: UUID | None = None  # also of what was invalidated: the memory that says so
    said_until: CalendarDate | None = None  # what it said itself about its end, before something else ended it

    @property
    def closes(self) -> bool:
        """Whether it says that a state is over ("the user sold the car"); consolidation stores such a statement so."""
        return self.negated and self.type is MemoryType.EPISODE and self.attribute is not None


@dataclass(frozen=True, slots=True)
class NewLink:
    """An edge from the candidate's memory to another."""

    to_id: UUID
    type: str
    weight: float = 1.0
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What to do. Every target is one of the neighbours that were shown to `decide`.

    - `strengthens`: the memory that already says it; it gains the candidate's sources (ignore, merge).
    - `ends`: memories whose time as the current belief is over: superseded; they stay, with `live_until`.
    - `invalidates`: memories that were corrected, taken back or closed; they stay too, and were believed until now.
    - `inherits`: those of `ends` that say the same in fewer words; their sources become the candidate's too.
    - `live_until` and `superseded_by` on the candidate's own memory: it arrived late and is history from the start.
    - `revives`: memories that only what is taken back had ended: they are believed again.
    - `hands_on`: (memory, successor): ended by what is taken back, which something else had ended in turn.
    - `text`: the wording that `strengthens` gets: the one said last of two that say the same.
    - `keeps`: with invalidate, the candidate becomes a memory of its own.
    """

    decision: Decision
    reason: str
    strengthens: UUID | None = None
    ends: tuple[UUID, ...] = ()
    inherits: tuple[UUID, ...] = ()
    invalidates: tuple[UUID, ...] = ()
    revives: tuple[UUID, ...] = ()
    hands_on: tuple[tuple[UUID, UUID], ...] = ()
    valid_to: CalendarDate | None = None  # of what ends; with `live_until`, of the candidate itself
    ends_from: CalendarDate | None = None  # of what ends, where `valid_to` is the candidate's own
    live_until: datetime | None = None
    superseded_by: UUID | None = None
    text: str | None = None
    links: tuple[NewLink, ...] = ()
    keeps: bool = False

    @property
    def adds(self) -> bool:
        """Whether the candidate becomes a memory of its own."""
        if self.strengthens is not None:
            return False
        return self.keeps or self.decision in {Decision.ADD, Decision.SUPERSEDE, Decision.LINK}
