"""Candidates for tests of decisions and consolidation."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import numpy as np

from app.domain.memory import Candidate, MemoryType
from app.storage.candidates import StoredCandidate

START = datetime(2025, 5, 1, 9, 0, tzinfo=UTC)


def said(text: str, day: int = 0, *, event: UUID | None = None, **given) -> Candidate:
    """A candidate said `day` days after START."""
    return Candidate(
        text=text,
        type=given.pop("type", MemoryType.FACT),
        event_ids=(event or uuid4(),),
        occurred_at=START + timedelta(days=day),
        session_id="s1",
        **given,
    )


def of(attribute: str, value: str, day: int = 0, *, single: bool = True, event: UUID | None = None) -> Candidate:
    """What the user says about one attribute."""
    text = f"The user has {attribute} {value}."
    return said(text, day, event=event, subject="user", attribute=attribute, value=value, single_valued=single)


def stored(candidate: Candidate, ordinal: int = 0) -> StoredCandidate:
    """As the extract stage stores it, with a vector that means nothing."""
    return StoredCandidate(uuid4(), uuid4(), ordinal, candidate, "test", np.ones(4, dtype=np.float32) / 2)
