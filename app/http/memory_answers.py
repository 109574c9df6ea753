"""Memories as answers show them: secrets masked, calendar dates as text with their precision."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from app.domain import lifecycle
from app.domain.memory import Memory, MemoryStatus, Source
from app.domain.policy import Policy
from app.domain.scope import Scope
from app.domain.secrets import mask
from app.domain.strength import LAYERS, strengths
from app.http.idempotency import Reply
from app.http.masking import Mask, as_is, mask_values
from app.http.schemas.memory import LinkDirection, LinkType, MemoryAnswer, MemoryLink
from app.http.schemas.recall import SourceAnswer
from app.services import policy as policies
from app.storage.db import Connection
from app.storage.links import Link


@dataclass(frozen=True, slots=True)
class View:
    """How memories are shown: what hides secrets, and the policy and the moment that say how they stand."""

    hide: Mask
    policy: Policy
    now: datetime


def view(conn: Connection, scope: Scope, now: datetime) -> View:
    """The view of a project at `now`."""
    policy = policies.effective(conn, scope)
    return View(as_is if policy.secrets.vault else mask, policy, now)


def tagged(memory: Memory, seen: View, *, status: int = 200) -> Reply:
    """A memory with its version as ETag."""
    return Reply(memory_answer(memory, seen), status, {"ETag": f'"{memory.version}"'})


def source_answers(sources: Iterable[Source]) -> list[SourceAnswer]:
    """The events that a statement rests on, as they are shown."""
    return [
        SourceAnswer(
            event_id=source.event_id,
            client_id=source.client_id,
            session_id=source.session_id,
            occurred_at=source.occurred_at,
        )
        for source in sources
    ]


def memory_answer(memory: Memory, seen: View) -> MemoryAnswer:
    """A memory as it is shown."""
    hide = seen.hide
    (stands,) = strengths([memory], seen.policy.retention, seen.now)
    dates = {
        name: (date.text, date.precision) if date else (None, None)
        for name, date in (
            ("event_time", memory.event_time),
            ("valid_from", memory.valid_from),
            ("valid_to", memory.valid_to),
        )
    }
    return MemoryAnswer(
        id=memory.id,
        user_id=memory.user_id,
        session_id=memory.session_id,
        agent_id=memory.agent_id,
        type=memory.type,
        text=hide(memory.text),
        subject=memory.subject,
        attribute=memory.attribute,
        value=memory.value if memory.value is None else hide(memory.value),
        status=lifecycle.status_at(memory, seen.now),
        frozen=memory.frozen,
        flagged=memory.flagged,
        faded=lifecycle.faded(memory, stands, seen.policy.lifecycle),
        event_time=dates["event_time"][0],
        event_time_precision=dates["event_time"][1],
        valid_from=dates["valid_from"][0],
        valid_from_precision=dates["valid_from"][1],
        valid_to=dates["valid_to"][0],
        valid_to_precision=dates["valid_to"][1],
        occurred_at=memory.occurred_at,
        live_from=memory.live_from,
        live_until=memory.live_until,
        importance=memory.importance,
        confidence=memory.confidence,
        strength=round(stands.strength, 6),
        retention=round(stands.retention, 6),
        stability=memory.stability,
        layer=LAYERS[memory.layer],
        use_count=memory.use_count,
        last_used_at=memory.last_used_at,
        expires_at=memory.expires_at,
        review_at=memory.review_at,
        superseded_by=memory.superseded_by,
        version=memory.version,
        metadata=mask_values(memory.metadata, hide),
        keywords=[hide(word) for word in memory.keywords],
        tags=[hide(word) for word in memory.tags],
        context=hide(memory.context),
        created_at=memory.created_at,
        updated_at=memory.updated_at,
        sources=source_answers(memory.sources),
    )


def link_answer(link: Link, hide: Mask) -> MemoryLink:
    """A link as it is shown from one of its ends."""
    return MemoryLink(
        id=link.id,
        type=LinkType(link.type),
        direction=LinkDirection.OUT if link.outgoing else LinkDirection.IN,
        weight=link.weight,
        reason=link.reason,
        memory_id=link.other_id,
        text=hide(link.other_text),
        status=MemoryStatus(link.other_status),
        created_at=link.created_at,
    )
