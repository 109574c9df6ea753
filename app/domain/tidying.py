"""A memory as tidying sees it: what blocks and scenes are made of. Pure; read by `storage/tidying`."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import numpy as np
import numpy.typing as npt

from app.domain.dates import CalendarDate
from app.domain.memory import MemoryType


@dataclass(frozen=True, slots=True)
class KeptMemory:
    """An active memory. `occurred_at` is local to who said it, `sessions` are those of its sources, `dense` is None
    until this encoder has embedded it.
    """

    id: UUID
    type: MemoryType
    text: str
    attribute: str | None
    occurred_at: datetime
    valid_to: CalendarDate | None
    importance: float
    confidence: float
    stability: float
    use_count: float
    sessions: tuple[str, ...]
    entities: tuple[str, ...]
    dense: npt.NDArray[np.float32] | None
