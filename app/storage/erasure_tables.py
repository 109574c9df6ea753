"""Where data of users lies: the one list that erasure and verification follow. A new table is one more line here;
`tests/workers/test_erasures.py` compares the list with the schema.
"""

from dataclasses import dataclass

# Of a row `v` of memory_versions: whether an app wrote these words itself. A key that freezes, restores or confirms a
# memory records the words of the turns that it rests on once more; they stay those of the turns.
OWN_WORDS = """
(v.actor LIKE 'key:%%' AND NOT EXISTS (SELECT 1 FROM memory_versions e WHERE e.memory_id = v.memory_id
    AND e.project_id = v.project_id AND e.user_id = v.user_id AND e.version < v.version AND e.text = v.text
    AND e.actor NOT LIKE 'key:%%'))
"""


@dataclass(frozen=True, slots=True)
class Held:
    """A table with a `user_id`. `texts` are SQL expressions of its columns that can hold words of users; `at` is when
    a row was recorded, None where it does not say. `shown`: an erased user's rows go before the request is answered,
    because a route or an export reads them; the others go in the job that follows.
    """

    table: str
    texts: tuple[str, ...] = ()
    at: str | None = "created_at"
    shown: bool = False


# Whether an app wrote the words of a version `v` itself. A key that froze, confirmed or restored what was told before
# has only repeated it.
OWN_WORDS = (
    "v.actor LIKE 'key:%%' AND NOT EXISTS (SELECT 1 FROM memory_versions w WHERE w.memory_id = v.memory_id"
    " AND w.version < v.version AND w.text = v.text AND w.actor NOT LIKE 'key:%%')"
)

# In the order in which rows are deleted: what refers to others comes first.
HELD = (
    Held("feedback", ("note", "query"), shown=True),
    Held("links", ("reason",), shown=True),
    Held("memory_entities", at=None, shown=True),
    Held("entities", ("name", "normalised", "aliases::text"), shown=True),
    Held("scene_members", at=None, shown=True),
    Held("scenes", ("label", "summary", "keywords::text"), shown=True),
    Held("blocks", ("text", "lines::text"), "updated_at", shown=True),
    Held("memory_sources", shown=True),
    Held(
        "memory_versions",
        ("text", "subject", "attribute", "value", "reason", "metadata::text"),
        "recorded_at",
        shown=True,
    ),
    Held("artefact_parts", at=None, shown=True),
    Held("artefacts", ("name", "kind", "provenance::text"), shown=True),
    Held("cube_files", shown=True),
    Held("cube_shares", ("filters::text", "with_user_ids::text", "with_agent_ids::text"), shown=True),
    Held("sleeps", at="slept_at"),
    Held("user_health", at="measured_at"),
    Held(
        "memories",
        ("text", "subject", "attribute", "value", "context", "keywords::text", "tags::text", "metadata::text"),
        shown=True,
    ),
    Held("candidates", ("body ->> 'text'", "body::text", "reason"), shown=True),
    Held("segments", ("title", "summary", "keywords::text", "participants::text"), shown=True),
    Held("events", ("content", "name", "metadata::text", "client_id", "agent_id"), shown=True),
    Held("sessions", ("session_id", "agent_id"), shown=True),
    Held("speakers", ("name",), at=None, shown=True),
    Held("vectors", at="updated_at"),
    Held("served", at="first_at"),
    Held("snapshots", ("name",), shown=True),
    Held("job_items", ("target_id", "reason", "detail::text"), at=None),
)

# Tables with a `user_id` that an erasure leaves or treats in its own way, each with the reason.
OTHERWISE = {
    "erasures": "the receipt: who was erased, when, and counts",
    "tombstones": "what keeps the erased from coming back: ids and times",
    "unindex": "ids of points that the index stage is about to delete; it empties the list",
    "work": "rows go with the erasure, but for the index stage's own, which goes when its work is done",
    "user_versions": "numbers of transactions; go with the last row of the user",
    "api_keys": "credentials of the app, bound to the user's id; revoke them with DELETE /v1/keys/{id}",
    "audit": "kept as redacted entries",
    "idempotency_keys": "the stored answers are emptied, so that the key still answers 409",
}

# Tables without a `user_id` that can hold something of a user, with the columns that can.
OF_PROJECT = {
    "jobs": ("scope::text", "error", "counts::text", "resume::text"),
}

# Tables without anything of users.
NOTHING = frozenset(
    [
        "alembic_version",
        "audit_seals",
        "index_collections",
        "installation_keys",
        "policies",
        "project_health",
        "projects",
        "schedules",
    ]
)
