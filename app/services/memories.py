"""Memories as apps see and change them: pages, single ones, direct writes, patches and deletions."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt

from app.domain import lexical
from app.domain.dates import CalendarDate
from app.domain.erasure import Erasure, Order
from app.domain.memory import Memory, MemoryType
from app.domain.normalise import text_hash
from app.domain.scope import Scope, UserScope
from app.domain.secrets import contains_secret
from app.errors import (
    ConflictError,
    FieldError,
    InvalidInputError,
    NotFoundError,
    PreconditionFailedError,
)
from app.inference.protocol import Encoder
from app.services import erasures, policy
from app.storage import changes, erasing, events, memories, memory_edits, reflections, vectors, work
from app.storage import links as link_store
from app.storage.db import Connection
from app.storage.links import Link
from app.storage.memories import MemoryQuery
from app.storage.memory_edits import MemoryDraft, Place
from app.storage.vectors import StoredVector

INDEX = "index"
IMPORTANCE, CONFIDENCE = 0.5, 0.9  # of what an app writes itself, unless it says so: it knows better than an extractor


class SameTextError(ConflictError):
    """Another active memory of the user says the same."""

    code, title = "same_text", "Another memory says the same"


@dataclass(frozen=True, slots=True)
class Encoded:
    """A text with its vectors; made before the transaction."""

    text: str
    model: str
    dense: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class NewMemory:
    """What an app writes directly; None means our default."""

    draft: MemoryDraft
    place: Place
    source_ids: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class MemoryChanges:
    """What a patch changes: only the names in `given` count."""

    given: frozenset[str]
    text: str | None = None
    type: MemoryType | None = None
    event_time: CalendarDate | None = None
    valid_from: CalendarDate | None = None
    valid_to: CalendarDate | None = None
    importance: float | None = None
    confidence: float | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    subject: str | None = None
    attribute: str | None = None
    value: str | None = None
    expires_at: datetime | None = None
    review_at: datetime | None = None


def encode(encoder: Encoder, text: str) -> Encoded:
    """The vectors of a text. Calls the encoder: never inside a transaction."""
    return Encoded(text, encoder.fingerprint, encoder.encode([text])[0])


def page(conn: Connection, scope: Scope, query: MemoryQuery) -> list[Memory]:
    """Memories of the scope."""
    return memories.page(conn, scope, query)


def get(conn: Connection, scope: Scope, memory_id: UUID) -> Memory:
    """One memory; raises NotFoundError, also for a deleted one."""
    found = memories.get(conn, scope, memory_id)
    if found is None:
        raise NotFoundError("There is no such memory.")
    return found


def links(  # noqa: PLR0913 - whose, as far as the caller sees, one page
    conn: Connection,
    scope: Scope,
    memory_id: UUID,
    *,
    session_id: str | None,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[Link]:
    """The links of one memory, to memories of one session if that is given; raises NotFoundError."""
    get(conn, scope, memory_id)
    return link_store.of_memory(conn, scope, memory_id, session_id=session_id, after=after, limit=limit)


def create(  # noqa: PLR0913 - what, with its vectors, by whom
    conn: Connection, scope: UserScope, memory_id: UUID, new: NewMemory, encoded: Encoded, *, actor: str
) -> tuple[Memory, bool]:
    """Write a memory, or find the active one that says the same; the flag says whether it is new."""
    refuse_secret(conn, scope, new.draft.text)
    changes.lock_user(conn, scope)
    same = memories.active_by_hash(conn, scope, new.draft.text_hash)
    if same is not None:
        return get(conn, scope, same), False
    known = events.by_ids(conn, scope, new.source_ids)
    missing = tuple(
        FieldError(f"/source_event_ids/{place}", "is not an event of this user", "unknown")
        for place, event_id in enumerate(new.source_ids)
        if event_id not in known
    )
    if missing:
        raise InvalidInputError("Some sources are not events of this user.", errors=missing)
    memory_edits.add(conn, scope, memory_id, new.draft, new.place, new.source_ids, actor=actor)
    store_vectors(conn, scope, memory_id, encoded)
    work.enqueue(conn, scope, INDEX)
    work.enqueue_tidy(conn, scope)
    return get(conn, scope, memory_id), True


def patch(  # noqa: PLR0913 - what, by whom, over which version
    conn: Connection,
    project: Scope,
    memory_id: UUID,
    wanted: MemoryChanges,
    encoded: Encoded | None,
    *,
    versions: Sequence[int] | None,
    actor: str,
) -> Memory:
    """A new version of a memory. `versions` are those that the app has seen (None: any); another one raises
    PreconditionFailedError.
    """
    scope = _user_of(conn, project, memory_id)
    changes.lock_user(conn, scope)
    memory = memories.get(conn, scope, memory_id, lock=True)
    if memory is None:
        raise NotFoundError("There is no such memory.")
    if versions is not None and memory.version not in versions:
        raise PreconditionFailedError(
            f"The memory is at version {memory.version} now.",
            errors=(FieldError("header:If-Match", f"the version is {memory.version}", "stale"),),
        )
    draft = _changed(memory, wanted)
    if draft.text != memory.text:
        refuse_secret(conn, scope, draft.text)
    same = memories.active_by_hash(conn, scope, draft.text_hash)
    if same not in {None, memory_id}:
        raise SameTextError("Another active memory says the same.", errors=(FieldError("/text", f"is {same}", "same"),))
    memory_edits.patch(conn, scope, memory_id, draft, actor=actor)
    if (draft.text, draft.subject) != (memory.text, memory.subject):
        reflections.withdraw(conn, scope, reworded=memory_id)
    if encoded is not None:
        store_vectors(conn, scope, memory_id, encoded)
    work.enqueue(conn, scope, INDEX)
    work.enqueue_tidy(conn, scope)
    return get(conn, scope, memory_id)


def delete(  # noqa: PLR0913 - what, by whom, over which version
    conn: Connection, project: Scope, memory_id: UUID, order: Order, key: bytes, *, versions: Sequence[int] | None
) -> Erasure:
    """Delete a memory, which is an erasure: its text goes from every table and its point from the index. `versions`
    are as for `patch`, `key` is random.
    """
    scope = _user_of(conn, project, memory_id)
    erasing.begin(conn, scope)
    memory = memories.get(conn, scope, memory_id, lock=True)
    if memory is None:
        raise NotFoundError("There is no such memory.")
    if versions is not None and memory.version not in versions:
        raise PreconditionFailedError(
            f"The memory is at version {memory.version} now.",
            errors=(FieldError("header:If-Match", f"the version is {memory.version}", "stale"),),
        )
    return erasures.memory(conn, scope, memory_id, order, key)


def _user_of(conn: Connection, project: Scope, memory_id: UUID) -> UserScope:
    found = get(conn, project, memory_id)
    return UserScope(project.project_id, found.user_id)


def _changed(memory: Memory, changes: MemoryChanges) -> MemoryDraft:
    draft = MemoryDraft(
        text=memory.text,
        text_hash=b"",
        type=memory.type,
        importance=memory.importance,
        confidence=memory.confidence,
        event_time=memory.event_time,
        valid_from=memory.valid_from,
        valid_to=memory.valid_to,
        metadata=memory.metadata,
        subject=memory.subject,
        attribute=memory.attribute,
        value=memory.value if changes.text in {None, memory.text} else None,  # another text says another value
        expires_at=memory.expires_at,
        review_at=memory.review_at,
    )
    given = {name: getattr(changes, name) for name in changes.given}
    draft = replace(draft, **given)
    return replace(draft, text_hash=text_hash(draft.text))


def refuse_secret(conn: Connection, scope: Scope, text: str, pointer: str = "/text") -> None:
    """Raises InvalidInputError for a text with a secret where the policy has no vault for them."""
    if contains_secret(text) and not policy.effective(conn, scope).secrets.vault:
        field = FieldError(pointer, "holds a password, token, key or card number", "secret")
        raise InvalidInputError("Secrets do not become memories under this policy.", errors=(field,))


def store_vectors(conn: Connection, scope: UserScope, memory_id: UUID, encoded: Encoded) -> None:
    """Keep the vectors of a memory's text."""
    sparse = lexical.document_vector(encoded.text, lexical.TEXT_LENGTH)
    vectors.upsert(conn, scope, encoded.model, [StoredVector(memory_id, "memory", encoded.dense, sparse)])
