"""Versions of memories: the history of one, and an old version made the newest."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from app.domain.lifecycle import FrozenMemoryError
from app.domain.memory import Memory, MemoryStatus
from app.domain.normalise import text_hash
from app.domain.scope import Scope, UserScope
from app.domain.versions import differences
from app.errors import FieldError, NotFoundError, PreconditionFailedError
from app.services import memories
from app.services.memories import Encoded, SameTextError
from app.storage import changes, reflections, version_rows, versions, work
from app.storage import memories as memory_store
from app.storage.db import Connection
from app.storage.versions import Brought, HistoryEntry, MemoryVersion


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which version of which memory is to be the newest, over which ones (None: any), and by whom."""

    memory_id: UUID
    version: int
    over: Sequence[int] | None
    actor: str


def history(conn: Connection, scope: Scope, memory_id: UUID, *, after: int, limit: int) -> list[HistoryEntry]:
    """The versions of one memory with what changed in each; raises NotFoundError."""
    memories.get(conn, scope, memory_id)
    return versions.history(conn, scope, memory_id, after=after, limit=limit)


def find(conn: Connection, scope: Scope, memory_id: UUID, version: int) -> MemoryVersion:
    """A version of a memory whose words are still there; raises NotFoundError."""
    memories.get(conn, scope, memory_id)
    found = versions.one(conn, scope, memory_id, version)
    if found is None or not found.text:
        raise NotFoundError(
            "The memory has no such version.", errors=(FieldError("/version", "is not a version of it", "unknown"),)
        )
    return found


def restore(conn: Connection, project: Scope, wanted: Wanted, encoded: Encoded) -> tuple[Memory, int]:
    """Make the content and the status of an old version a new one; answers also the version before. Nothing happens
    where they are what the memory has. `encoded` is the old text. Raises NotFoundError,
    PreconditionFailedError, FrozenMemoryError, and SameTextError when another active memory says the same.
    """
    memory_id = wanted.memory_id
    scope = UserScope(project.project_id, memories.get(conn, project, memory_id).user_id)
    at = changes.lock_user(conn, scope)
    old = find(conn, scope, memory_id, wanted.version)
    memory = memories.get(conn, scope, memory_id)
    if wanted.over is not None and memory.version not in wanted.over:
        raise PreconditionFailedError(
            f"The memory is at version {memory.version} now.",
            errors=(FieldError("header:If-Match", f"the version is {memory.version}", "stale"),),
        )
    newest = versions.one(conn, scope, memory_id, memory.version)
    if newest is not None and not differences(newest.values(), old.values()):
        return memory, memory.version
    if memory.frozen:  # the old version is not: it would be thawed by the way
        raise FrozenMemoryError("The memory is frozen; unfreeze it first.")
    said = text_hash(old.text)
    same = memory_store.active_by_hash(conn, scope, said) if old.status == MemoryStatus.ACTIVE else None
    if same not in {None, memory_id}:
        raise SameTextError(
            "Another active memory says the same.", errors=(FieldError("/version", f"says what {same} says", "same"),)
        )
    if old.text != memory.text:
        memories.refuse_secret(conn, scope, old.text, "/version")
    versions.bring_back(conn, scope, [Brought(memory_id, old.version, said, old.status, lasting=True)], at)
    reason = f"version {old.version}"
    version_rows.record(conn, scope, [(memory_id, "restore", reason)], at, actor=wanted.actor)
    reflections.withdraw(conn, scope, reworded=memory_id if old.text != memory.text else None)
    if old.text != memory.text:
        memories.store_vectors(conn, scope, memory_id, encoded)
    work.enqueue(conn, scope, memories.INDEX)
    work.enqueue_tidy(conn, scope)
    return memories.get(conn, scope, memory_id), memory.version
