"""An event: one turn as it was said. Append-only; made by the gateway, read by extraction and recall."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID


class Role(StrEnum):
    USER = "user"
    ASSISTANT = "assistant"
    SYSTEM = "system"
    TOOL = "tool"


class EventState(StrEnum):
    PENDING = "pending"
    PROCESSED = "processed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event as an app sends it, validated. `occurred_at` carries the app's own UTC offset."""

    user_id: str
    session_id: str
    role: Role
    content: str
    occurred_at: datetime
    client_id: str | None = None
    agent_id: str | None = None
    name: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Event:
    """A stored event. `occurred_at` is given back in the offset in which it came; `client_id` is the app's id, or the
    server's own id as text where the app sent none; `seq` rises with arrival inside a project, `place` by one inside
    a session.
    """

    id: UUID
    client_id: str
    user_id: str
    session_id: str
    agent_id: str | None
    role: Role
    name: str | None
    content: str
    occurred_at: datetime
    metadata: dict[str, Any]
    seq: int
    created_at: datetime
    state: EventState = EventState.PENDING
    skip_reason: str | None = None
    place: int | None = None

    @property
    def speaker(self) -> str:
        """Who said it, as a human would write it: the given name, else the role."""
        return self.name or self.role.value
