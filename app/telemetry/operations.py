"""The six operations of a memory service, and which stage, job or route counts as which. This is the one mapping.

The task base observes stages, `ledger/jobs` slices of jobs, the gateway's top layer requests; each when it succeeded.
"""

from enum import StrEnum


class Operation(StrEnum):
    """What a memory service does with memories."""

    CONSOLIDATION = "consolidation"  # what was said becomes memories
    UPDATING = "updating"  # a client changes memories
    INDEXING = "indexing"
    FORGETTING = "forgetting"
    RETRIEVAL = "retrieval"
    COMPRESSION = "compression"  # what is derived from memories, made shorter or anew


STAGES: dict[str, Operation | None] = {  # by kind of work
    "extract": Operation.CONSOLIDATION,
    "consolidate": Operation.CONSOLIDATION,
    "wake": Operation.CONSOLIDATION,
    "index": Operation.INDEXING,
    "reindex": Operation.INDEXING,
    "rewrite": Operation.INDEXING,
    "tidy": Operation.COMPRESSION,
    "evolve": Operation.COMPRESSION,
    "job": None,  # by its own kind, below
}

JOBS: dict[str, Operation | None] = {  # by kind of job; each slice counts once
    "backup": None,  # it only copies
    "clone": Operation.UPDATING,
    "decay": Operation.FORGETTING,
    "erase": Operation.FORGETTING,
    "fuse": Operation.UPDATING,
    "import": Operation.UPDATING,
    "reindex": None,  # its stage counts
    "rollback": Operation.UPDATING,
    "sleep": Operation.COMPRESSION,
}

_RETRIEVAL = frozenset(
    {
        "/v1/recall",
        "/v1/memories/aggregate",
        "/v1/sessions/{session_id}/context",
        "/v1/cubes/shares/{share_id}/recall",
    }
)
_WITH_MEMORIES = ("/v1/memories", "/v1/users/", "/v1/sessions/", "/v1/events/")


def of_route(method: str, route: str) -> Operation | None:
    """The operation of a request by its method and the template of its path; None for what is none of the six."""
    if route in _RETRIEVAL:
        return Operation.RETRIEVAL
    if method == "DELETE":
        return Operation.FORGETTING if route.startswith(_WITH_MEMORIES) else None
    if (method, route) == ("POST", "/v1/erasures"):
        return Operation.FORGETTING
    if method in {"POST", "PATCH"} and route.startswith("/v1/memories"):
        return Operation.UPDATING
    return None
