"""`/v1/memories/{id}/history` and `/v1/memories/{id}/restore`: every version of a memory, and one of them again."""

from uuid import UUID

from starlette.responses import Response

from app.domain.access import KeyScope
from app.http.deps import ReadEdge, WriteEdge, answer, operation, router
from app.http.idempotency import Reply
from app.http.masking import masker
from app.http.memories import IfMatch, matching
from app.http.memory_answers import tagged, view
from app.http.paging import Cursor, Limit, Page
from app.http.schemas.memory import MemoryAnswer
from app.http.schemas.versions import MemoryHistory, MemoryRestore
from app.http.version_answers import version_answer
from app.services import memories, versions
from app.services.versions import Wanted
from app.storage.db import Connection

api = router("memories")


@api.api_route(
    "/v1/memories/{memory_id}/history",
    response_model=MemoryHistory,
    **operation("memories_history", KeyScope.MEMORIES_READ, "GET", 404),
)
def history(edge: ReadEdge, memory_id: UUID, limit: Limit = None, cursor: Cursor = None) -> Response:
    """Every version of a memory: what changed with it, when, by whom, and because of what."""
    scope = edge.caller.reach()
    page = Page(edge.caller, "history", {"memory": memory_id}, limit, cursor)
    after = page.after(int)
    with edge.read(scope) as conn:
        edge.caller.see(memories.get(conn, scope, memory_id).session_id, "memory")
        found = versions.history(conn, scope, memory_id, after=after[0] if after else 0, limit=page.limit + 1)
        hide = masker(conn, scope)
    kept, next_cursor = page.cut(found, lambda entry: (entry.version.version,))
    return answer(MemoryHistory(items=[version_answer(entry, hide) for entry in kept], next_cursor=next_cursor))


@api.api_route(
    "/v1/memories/{memory_id}/restore",
    response_model=MemoryAnswer,
    **operation("memories_restore", KeyScope.MEMORIES_WRITE, "POST", 404, 412, body=True),
)
def restore(edge: WriteEdge, memory_id: UUID, body: MemoryRestore, if_match: IfMatch = None) -> Response:
    """Make an old version the newest one, with its status: a new version, so it can be taken back the same way."""
    over = None if if_match is None else matching(if_match)
    scope = edge.caller.reach()
    with edge.read(scope) as conn:
        edge.caller.see(memories.get(conn, scope, memory_id).session_id, "memory")
        old = versions.find(conn, scope, memory_id, body.version)
    encoded = memories.encode(edge.context.encoder, old.text)
    wanted = Wanted(memory_id, body.version, over, edge.caller.actor)

    def store(conn: Connection) -> Reply:
        restored, before = versions.restore(conn, scope, wanted, encoded)
        if restored.version != before:
            user = edge.caller.user(restored.user_id)
            detail = {"restored": body.version, "version_before": before, "version": restored.version}
            edge.audit(conn, user, "memory.restore", ("memory", str(memory_id)), **detail)
        return tagged(restored, view(conn, scope, edge.context.clock()))

    response = edge.write(scope, store)
    edge.context.hints.send(memories.INDEX)
    return response
