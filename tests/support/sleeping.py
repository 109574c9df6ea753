"""Memories as sleep sees them, for tests of its pure parts."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np

from app.domain.memory import MemoryType
from app.domain.sleep import SleepMemory
from app.domain.tidying import KeptMemory

AT = datetime(2026, 3, 1, 9, tzinfo=UTC)


def direction(degrees: float) -> np.ndarray:
    turn = np.radians(degrees)
    return np.array([np.cos(turn), np.sin(turn)], dtype=np.float32)


def slept(number: int, text: str, *, angle: float = 0.0, day: float = 0.0, **fields) -> SleepMemory:
    """Memory `number`, its meaning a direction in a plane, said by turn `number` of a session of that day."""
    at = AT + timedelta(days=day)
    standard = {
        "id": UUID(int=number),
        "version": 1,
        "type": MemoryType.FACT,
        "text": text,
        "subject": "user",
        "attribute": None,
        "value": None,
        "single_valued": False,
        "negated": False,
        "frozen": False,
        "occurred_at": at,
        "live_from": at,
        "event_time": None,
        "valid_from": None,
        "valid_to": None,
        "expires_at": None,
        "agent_id": None,
        "event_ids": frozenset({UUID(int=1000 + number)}),
        "segment_ids": frozenset(),
        "sessions": (f"s{day:g}",),
        "entities": (),
        "use_count": 0.0,
        "dense": direction(angle),
    }
    return SleepMemory(**standard | fields)


def as_kept(memory: SleepMemory) -> KeptMemory:
    """The same as tidying sees it."""
    return KeptMemory(
        id=memory.id,
        type=memory.type,
        text=memory.text,
        attribute=memory.attribute,
        occurred_at=memory.occurred_at,
        valid_to=memory.valid_to,
        importance=0.5,
        confidence=0.7,
        stability=1.0,
        use_count=memory.use_count,
        sessions=memory.sessions,
        entities=memory.entities,
        dense=memory.dense,
    )
