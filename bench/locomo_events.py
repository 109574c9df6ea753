"""The turns of a LoCoMo sample as stored events, for the benches that run stages without a service."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from app.domain.event import Event, Role
from app.evaluation import locomo

NAMES = UUID("0192f5a0-0000-7000-8000-000000000000")


def events_of(sample: Mapping[str, Any]) -> tuple[list[Event], list[str]]:
    """The turns as events of one user, and their ids in the data."""
    name = sample["sample_id"]
    events = []
    for number, turn in enumerate(locomo.events_of(sample["conversation"], name, "")):
        at = datetime.fromisoformat(turn["occurred_at"])
        event = Event(
            id=uuid5(NAMES, turn["id"]),
            client_id=turn["id"],
            user_id="u",
            session_id=turn["session_id"],
            agent_id=None,
            role=Role(turn["role"]),
            name=turn["name"],
            content=turn["content"],
            occurred_at=at,
            metadata={},
            seq=number,
            created_at=at,
        )
        events.append(event)
    return events, [event.client_id.removeprefix(f"{name}:") for event in events]
