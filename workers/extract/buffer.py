"""How many of a session's unread turns may be read now, and when to look at the rest. Pure; used by the extract stage.

What waits is not lost: it is stored, pending, and recalled as raw turns.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.domain.event import Event
from app.domain.policy import ExtractPolicy
from app.domain.tokens import count_tokens

SOONEST = 1.0  # seconds until the next look, so that a buffer never spins


@dataclass(frozen=True, slots=True)
class Ready:
    """The first `turns` may be read; the others are looked at in `rest_in` seconds."""

    turns: int
    rest_in: float = 0.0


def ready(unread: Sequence[Event], policy: ExtractPolicy, now: datetime) -> Ready:
    """All turns without a buffer, or after its quiet; else whole queues of `buffer_events`, or all once there are
    `buffer_tokens`.
    """
    everything = Ready(len(unread))
    if not unread or not (policy.buffer_events or policy.buffer_tokens):
        return everything
    quiet = (now - max(event.created_at for event in unread)).total_seconds()
    if quiet >= policy.buffer_seconds:
        return everything
    if policy.buffer_tokens and sum(count_tokens(event.content) for event in unread) >= policy.buffer_tokens:
        return everything
    whole = len(unread) - len(unread) % policy.buffer_events if policy.buffer_events else 0
    return Ready(whole, max(SOONEST, policy.buffer_seconds - quiet))
