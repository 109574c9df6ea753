"""The cases of the isolation test: for each route and each id that it takes, how to own one and how to ask for one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx

from app.domain.scope import ProjectScope, UserScope
from app.services.blocks import tidy
from tests.support.served import Served

WORD = "Zanzibarite"  # stands in everything that A owns and must never reach B


@dataclass(frozen=True)
class Case:
    """How to ask one route for one id: `ask(client, id)`; `make(world)` gives the id that A owns."""

    ask: Callable[[httpx.Client, str], httpx.Response]
    make: Callable[["World"], str]
    unknown: Callable[[], str] = lambda: str(uuid4())
    control: int = 200


@dataclass
class World:
    """Project A with one of everything, and B."""

    served: Served
    a: httpx.Client
    b: httpx.Client

    def event(self) -> str:
        body = {"events": [{"user_id": "anna", "session_id": "s1", "role": "user", "content": f"I like {WORD}"}]}
        return self.a.post("/v1/events", json=body).json()["items"][0]["id"]

    def memory(self) -> str:
        body = {"user_id": "anna", "session_id": "s1", "text": f"Anna likes {WORD} {uuid4()}."}
        return self.a.post("/v1/memories", json=body).json()["id"]

    def judged_memory(self) -> str:
        memory_id = self.memory()
        self.a.post(f"/v1/memories/{memory_id}/feedback", json={"signal": "helpful", "note": WORD, "query": WORD})
        return memory_id

    def job(self) -> str:
        return self.a.post("/v1/jobs", json={"kind": "reindex", "dry_run": True}).json()["id"]

    def failed_job(self) -> str:
        job_id = self.job()
        project = self.a.get("/v1/projects").json()["items"][0]["id"]
        with self.served.context.db.transaction(ProjectScope(UUID(project))) as conn:
            conn.execute("UPDATE jobs SET state = 'failed' WHERE id = %s", (job_id,))
        return job_id

    def key(self) -> str:
        return self.a.post("/v1/keys", json={"name": WORD, "scopes": ["recall"]}).json()["id"]

    def project(self) -> str:
        return self.a.post("/v1/projects", json={"name": WORD}).json()["id"]

    def user(self) -> str:
        self.event()
        return "anna"

    def known_user(self) -> str:
        """A user with everything that is derived from memories."""
        self.event()
        self.memory()
        project = UUID(self.a.get("/v1/projects").json()["items"][0]["id"])
        scope = UserScope(project, "anna")
        context = self.served.context
        with context.db.transaction(scope) as conn:
            tidy(conn, scope, model=context.encoder.fingerprint)
        return "anna"

    def session(self) -> str:
        self.event()
        return "s1"

    def agent(self) -> str:
        body = {"events": [{**EVENT, "agent_id": "bot", "content": f"I like {WORD}"}]}
        self.a.post("/v1/events", json=body)
        return "bot"

    def cursor(self, path: str) -> str:
        for _ in range(2):
            {
                "events": self.event,
                "memories": self.memory,
                "jobs": self.job,
                "keys": self.key,
                "projects": self.project,
            }[path]()
        return self.a.get(f"/v1/{path}", params={"limit": 1}).json()["next_cursor"]


def get(path: str) -> Callable[[httpx.Client, str], httpx.Response]:
    return lambda client, id_: client.get(path.format(id_))


def listing(path: str, name: str, **more: Any) -> Callable[[httpx.Client, str], httpx.Response]:
    return lambda client, id_: client.get(path, params={name: id_, **more})


def cursor_case(path: str) -> Case:
    return Case(listing(f"/v1/{path}", "cursor", limit=1), lambda w: w.cursor(path), lambda: "WyJhYWFhIl0")


def new_key_body(**more: str) -> dict[str, Any]:
    return {"name": "k", "scopes": ["recall"], **more}


EVENT = {"user_id": "anna", "session_id": "s1", "role": "user", "content": "Hi"}
MEMORY = {"user_id": "anna", "text": "Anna is here."}
QUERY = {"query": f"What is {WORD}?"}
SOMEBODY = "nobody-else"


def first_memory(client: httpx.Client) -> str:
    """A memory that the client owns, or else one that nobody has."""
    items = client.get("/v1/memories").json()["items"]
    return items[0]["id"] if items else str(uuid4())


def unheard() -> str:
    return f"u-{uuid4()}"


def user_list(name: str) -> dict[str, Case]:
    """Lists below a user."""
    path = f"/v1/users/{{}}/{name}"
    return {
        "user_id": Case(get(path), World.known_user, unheard),
        "cursor": Case(
            lambda c, i: c.get(path.format(i), params={"cursor": "WyJhYWFhIl0"}), World.user, unheard, control=422
        ),
    }


# operation id -> name of the id -> case. Names are those of the OpenAPI document: parameters and body fields.
CASES: dict[str, dict[str, Case]] = {
    "events_create": {
        "user_id": Case(
            lambda c, i: c.post("/v1/events", json={"events": [{**EVENT, "user_id": i, "id": "fixed"}]}),
            World.user,
            unheard,
            202,
        ),
        "session_id": Case(
            lambda c, i: c.post("/v1/events", json={"events": [{**EVENT, "session_id": i}]}),
            World.session,
            unheard,
            202,
        ),
        "agent_id": Case(
            lambda c, i: c.post("/v1/events", json={"events": [{**EVENT, "agent_id": i}]}), World.session, unheard, 202
        ),
        "id": Case(lambda c, i: c.post("/v1/events", json={"events": [{**EVENT, "id": i}]}), World.event, unheard, 409),
    },
    "events_list": {
        "user_id": Case(listing("/v1/events", "user_id"), World.user, unheard),
        "session_id": Case(listing("/v1/events", "session_id"), World.session, unheard),
        "cursor": cursor_case("events"),
    },
    "events_get": {"event_id": Case(get("/v1/events/{}"), World.event)},
    "recall": {
        "user_id": Case(lambda c, i: c.post("/v1/recall", json={**QUERY, "user_id": i}), World.user, unheard),
        "session_id": Case(
            lambda c, i: c.post("/v1/recall", json={**QUERY, "user_id": "anna", "session_id": i}),
            World.session,
            unheard,
        ),
        "agent_id": Case(
            lambda c, i: c.post("/v1/recall", json={**QUERY, "user_id": "anna", "agent_id": i}), World.session, unheard
        ),
        "filters.session_id": Case(
            lambda c, i: c.post("/v1/recall", json={**QUERY, "user_id": "anna", "filters": {"session_id": i}}),
            World.session,
            unheard,
        ),
        "filters.agent_id": Case(
            lambda c, i: c.post("/v1/recall", json={**QUERY, "user_id": "anna", "filters": {"agent_id": i}}),
            World.agent,
            unheard,
        ),
    },
    "memories_list": {
        "user_id": Case(listing("/v1/memories", "user_id"), lambda w: w.memory() and "anna", unheard),
        "session_id": Case(listing("/v1/memories", "session_id"), lambda w: w.memory() and "s1", unheard),
        "cursor": cursor_case("memories"),
    },
    "memories_create": {
        "user_id": Case(lambda c, i: c.post("/v1/memories", json={**MEMORY, "user_id": i}), World.user, unheard, 201),
        "session_id": Case(
            lambda c, i: c.post("/v1/memories", json=MEMORY | {"session_id": i, "text": f"In {i}."}),
            World.session,
            unheard,
            201,
        ),
        "agent_id": Case(
            lambda c, i: c.post("/v1/memories", json=MEMORY | {"agent_id": i, "text": f"By {i}."}),
            World.agent,
            unheard,
            201,
        ),
        "source_event_ids": Case(
            lambda c, i: c.post("/v1/memories", json={**MEMORY, "source_event_ids": [i]}), World.event, control=201
        ),
    },
    "memories_get": {"memory_id": Case(get("/v1/memories/{}"), World.memory)},
    "memories_aggregate": {
        "user_id": Case(
            lambda c, i: c.post(
                "/v1/memories/aggregate",
                json={"user_id": i, "status": "any", "group_by": ["value"], "functions": ["count", "latest"]},
            ),
            lambda w: w.memory() and "anna",
            unheard,
        )
    },
    "memories_update": {
        "memory_id": Case(
            lambda c, i: c.patch(f"/v1/memories/{i}", json={"importance": 0.9}, headers={"If-Match": '"1"'}),
            World.memory,
        )
    },
    "memories_delete": {"memory_id": Case(lambda c, i: c.delete(f"/v1/memories/{i}"), World.memory, control=204)},
    "memories_history": {
        "memory_id": Case(get("/v1/memories/{}/history"), World.memory),
        "cursor": Case(
            lambda c, i: c.get(f"/v1/memories/{i}/history", params={"cursor": "WyJhYWFhIiwxXQ"}),
            World.memory,
            control=422,
        ),
    },
    "memories_links": {
        "memory_id": Case(get("/v1/memories/{}/links"), World.memory),
        "cursor": Case(
            lambda c, i: c.get(f"/v1/memories/{i}/links", params={"cursor": "WyJhYWFhIiwxXQ"}),
            World.memory,
            control=422,
        ),
    },
    "memories_feedback": {
        "memory_id": Case(
            lambda c, i: c.post(f"/v1/memories/{i}/feedback", json={"signal": "outdated", "note": "sold"}), World.memory
        ),
        "user_id": Case(
            lambda c, i: c.post(f"/v1/memories/{first_memory(c)}/feedback", json={"signal": "wrong", "user_id": i}),
            lambda w: w.memory() and "anna",
            unheard,
        ),
    },
    "memories_feedback_list": {
        "memory_id": Case(get("/v1/memories/{}/feedback"), World.judged_memory),
        "cursor": Case(
            lambda c, i: c.get(f"/v1/memories/{i}/feedback", params={"cursor": "WyJhYWFhIiwxXQ"}),
            World.memory,
            control=422,
        ),
    },
    "users_get": {"user_id": Case(get("/v1/users/{}"), World.user, unheard)},
    "users_blocks": user_list("blocks"),
    "users_entities": user_list("entities"),
    "users_timeline": user_list("timeline"),
    "users_scenes": user_list("scenes"),
    "sessions_list": {
        "user_id": Case(listing("/v1/sessions", "user_id"), World.user, unheard),
        "cursor": Case(
            lambda c, i: c.get("/v1/sessions", params={"user_id": i, "cursor": "WyJhYWFhIl0"}), World.user, unheard, 422
        ),
    },
    "sessions_get": {
        "session_id": Case(listing("/v1/sessions/s1", "user_id"), World.user, unheard),
        "user_id": Case(lambda c, i: c.get(f"/v1/sessions/{i}", params={"user_id": "anna"}), World.session, unheard),
    },
    "sessions_context": {
        "session_id": Case(listing("/v1/sessions/s1/context", "user_id"), World.user, unheard),
        "user_id": Case(
            lambda c, i: c.get(f"/v1/sessions/{i}/context", params={"user_id": "anna"}), World.session, unheard
        ),
    },
    "sessions_delete": {
        "user_id": Case(lambda c, i: c.delete("/v1/sessions/s1", params={"user_id": i}), World.user, unheard, 204),
        "session_id": Case(
            lambda c, i: c.delete(f"/v1/sessions/{i}", params={"user_id": "anna"}), World.session, unheard, 204
        ),
    },
    "jobs_list": {"cursor": cursor_case("jobs")},
    "jobs_create": {
        "scope.user_id": Case(
            lambda c, i: c.post("/v1/jobs", json={"kind": "reindex", "scope": {"user_id": i}}),
            World.user,
            unheard,
            422,
        ),
        "scope.session_id": Case(
            lambda c, i: c.post("/v1/jobs", json={"kind": "reindex", "scope": {"user_id": "anna", "session_id": i}}),
            World.session,
            unheard,
            422,
        ),
    },
    "jobs_get": {"job_id": Case(get("/v1/jobs/{}"), World.job)},
    "jobs_items": {
        "job_id": Case(get("/v1/jobs/{}/items"), World.job),
        "cursor": Case(
            lambda c, i: c.get(f"/v1/jobs/{i}/items", params={"cursor": "WyJhYWFhIiwxXQ"}), World.job, control=422
        ),
    },
    "jobs_retry": {"job_id": Case(lambda c, i: c.post(f"/v1/jobs/{i}/retry"), World.failed_job, control=202)},
    "keys_create": {
        "project_id": Case(
            lambda c, i: c.post("/v1/keys", json=new_key_body(project_id=i)), World.project, control=201
        ),
        "user_id": Case(
            lambda c, i: c.post("/v1/keys", json=new_key_body(user_id=i)), World.user, unheard, control=201
        ),
        "session_id": Case(
            lambda c, i: c.post("/v1/keys", json=new_key_body(user_id="anna", session_id=i)),
            World.session,
            unheard,
            201,
        ),
    },
    "keys_list": {"project_id": Case(listing("/v1/keys", "project_id"), World.project), "cursor": cursor_case("keys")},
    "keys_get": {
        "key_id": Case(get("/v1/keys/{}"), World.key, lambda: uuid4().hex[:12]),
        "project_id": Case(
            lambda c, i: c.get("/v1/keys/abcdefgh", params={"project_id": i}), World.project, control=404
        ),
    },
    "keys_rotate": {
        "key_id": Case(lambda c, i: c.post(f"/v1/keys/{i}/rotate"), World.key, lambda: uuid4().hex[:12]),
        "project_id": Case(
            lambda c, i: c.post("/v1/keys/abcdefgh/rotate", params={"project_id": i}), World.project, control=404
        ),
    },
    "keys_revoke": {
        "key_id": Case(lambda c, i: c.delete(f"/v1/keys/{i}"), World.key, lambda: uuid4().hex[:12]),
        "project_id": Case(
            lambda c, i: c.delete("/v1/keys/abcdefgh", params={"project_id": i}), World.project, control=404
        ),
    },
    "projects_list": {"cursor": cursor_case("projects")},
    "projects_get": {"project_id": Case(get("/v1/projects/{}"), World.project)},
}
