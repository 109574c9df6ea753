"""`/v1/memories/{id}/state`: freeze and unfreeze, archive and restore, invalidate, approve."""

from uuid import UUID

from starlette.responses import Response

from app.domain.access import KeyScope
from app.http.deps import WriteEdge, operation, router
from app.http.idempotency import Reply
from app.http.memories import IfMatch, matching
from app.http.memory_answers import tagged, view
from app.http.schemas.memory import MemoryAnswer, StateChange
from app.services import lifecycle, memories
from app.storage.db import Connection

api = router("memories")


@api.api_route(
    "/v1/memories/{memory_id}/state",
    response_model=MemoryAnswer,
    **operation("memories_state", KeyScope.MEMORIES_WRITE, "POST", 404, 409, 412, body=True),
)
def change(edge: WriteEdge, memory_id: UUID, body: StateChange, if_match: IfMatch = None) -> Response:
    """Change the state of a memory by hand. What its status does not allow is a 409, as is anything but `unfreeze` of a
    frozen one; asking for the state that it has changes nothing.

    `restore` brings back what was archived, expired, invalidated or merged, `approve` what was quarantined; `approve`
    also takes the flag from an active memory.
    """
    versions = None if if_match is None else matching(if_match)
    scope = edge.caller.reach()

    def store(conn: Connection) -> Reply:
        edge.caller.see(memories.get(conn, scope, memory_id).session_id, "memory")
        now = edge.context.clock()
        order = lifecycle.Order(body.action, body.reason, versions, edge.caller.actor)
        before, memory = lifecycle.act(conn, scope, memory_id, order, now)
        if memory.version != before.version:
            user = edge.caller.user(memory.user_id)
            detail = {"asked": body.action, "from": before.status, "to": memory.status, "frozen": memory.frozen}
            moved = {"version_before": before.version, "version": memory.version}
            edge.audit(conn, user, "memory.state", ("memory", str(memory_id)), **detail, **moved)
        return tagged(memory, view(conn, scope, now))

    response = edge.write(scope, store)
    edge.context.hints.send(memories.INDEX)
    return response
