"""The cases of the isolation test for cubes, shares and artefacts."""

import json
from collections.abc import Callable
from hashlib import sha256
from uuid import UUID, uuid4

import httpx

from tests.isolation.route_cases import QUERY, SOMEBODY, WORD, Case, World, get, listing, unheard

SHARE = {"user_id": "anna", "with_user_ids": ["bob"], "with_agent_ids": ["bot"]}
FILE = {"Content-Type": "application/octet-stream"}


def artefact(client: httpx.Client, user: str) -> httpx.Response:
    query = {"user_id": user, "name": "n", "kind": "lora"}
    return client.post("/v1/cubes/artefacts", params=query, content=WORD.encode(), headers=FILE)


def cube_into(client: httpx.Client, user: str) -> httpx.Response:
    """The same file into a user; a stranger has none of A's, so it is an empty one that both can send."""
    header = {"record": "header", "schema": "mneme.cube", "schema_version": 1, "project_id": str(UUID(int=1)),
              "user_id": "anna", "model": {"fingerprint": "m", "dimension": 1}}  # fmt: skip
    first = json.dumps(header).encode() + b"\n"
    end = json.dumps({"record": "trailer", "sha256": sha256(first).hexdigest(), "signature": None}).encode()
    return client.post("/v1/cubes/import", params={"user_id": user}, content=first + end, headers=FILE)


def export_of(name: str) -> Callable[[httpx.Client, str], httpx.Response]:
    return lambda client, id_: client.post("/v1/cubes/export", json={"user_id": "anna", name: id_})


def share_of(name: str) -> Callable[[httpx.Client, str], httpx.Response]:
    other = {"user_id": "zoe", "with_user_ids": ["carl"]}
    return lambda client, id_: client.post("/v1/cubes/shares", json=other | {"filters": {name: id_}})


def scene_of_anna(world: World) -> str:
    """A scene that tidying made."""
    world.known_user()
    return world.a.get("/v1/users/anna/scenes").json()["items"][0]["id"]


def share_of_anna(world: World) -> str:
    """A share of memories, with bob."""
    world.memory()
    return world.a.post("/v1/cubes/shares", json=SHARE).json()["id"]


def artefact_of_anna(world: World) -> str:
    """A stored file."""
    return artefact(world.a, "anna").json()["id"]


CUBE_CASES: dict[str, dict[str, Case]] = {
    "cubes_export": {
        "user_id": Case(lambda c, i: c.post("/v1/cubes/export", json={"user_id": i}), World.known_user, unheard),
        "session_id": Case(export_of("session_id"), World.session, unheard),
        "agent_id": Case(export_of("agent_id"), World.agent, unheard),
        "scene_id": Case(export_of("scene_id"), scene_of_anna),
    },
    "users_export": {"user_id": Case(get("/v1/users/{}/export"), World.known_user, unheard)},
    "cubes_import": {"user_id": Case(cube_into, World.user, unheard, control=202)},
    "cubes_clone": {
        "user_id": Case(
            lambda c, i: c.post("/v1/cubes/clone", json={"user_id": i, "to_user_id": "x"}), World.user, unheard, 202
        ),
        "to_user_id": Case(
            lambda c, i: c.post("/v1/cubes/clone", json={"user_id": SOMEBODY, "to_user_id": i}),
            World.user,
            unheard,
            404,
        ),
    },
    "cubes_fuse": {
        "user_ids": Case(
            lambda c, i: c.post("/v1/cubes/fuse", json={"user_ids": [i, i + "2"], "into": "x"}),
            World.user,
            unheard,
            404,
        )
    },
    "shares_create": {
        "user_id": Case(lambda c, i: c.post("/v1/cubes/shares", json=SHARE | {"user_id": i}), World.user, unheard, 201),
        "with_user_ids": Case(
            lambda c, i: c.post("/v1/cubes/shares", json={"user_id": "zoe", "with_user_ids": [i]}),
            World.user,
            unheard,
            201,
        ),
        "with_agent_ids": Case(
            lambda c, i: c.post("/v1/cubes/shares", json={"user_id": "zoe", "with_agent_ids": [i]}),
            World.agent,
            unheard,
            201,
        ),
        "filters.session_id": Case(share_of("session_id"), World.session, unheard, 201),
        "filters.agent_id": Case(share_of("agent_id"), World.agent, unheard, 201),
        "filters.scene_id": Case(share_of("scene_id"), scene_of_anna, control=201),
    },
    "shares_list": {
        "user_id": Case(listing("/v1/cubes/shares", "user_id"), lambda w: share_of_anna(w) and "anna", unheard),
        "cursor": Case(
            lambda c, i: c.get("/v1/cubes/shares", params={"user_id": i, "cursor": "WyJhYWFhIl0"}),
            World.user,
            unheard,
            422,
        ),
    },
    "shares_get": {"share_id": Case(get("/v1/cubes/shares/{}"), share_of_anna)},
    "shares_revoke": {"share_id": Case(lambda c, i: c.delete(f"/v1/cubes/shares/{i}"), share_of_anna, control=204)},
    "shares_memories": {
        "share_id": Case(get("/v1/cubes/shares/{}/memories?user_id=bob"), share_of_anna),
        "user_id": Case(
            lambda c, i: c.get(f"/v1/cubes/shares/{uuid4()}/memories", params={"user_id": i}),
            World.user,
            unheard,
            404,
        ),
        "agent_id": Case(
            lambda c, i: c.get(f"/v1/cubes/shares/{uuid4()}/memories", params={"agent_id": i}),
            World.agent,
            unheard,
            404,
        ),
        "cursor": Case(
            lambda c, i: c.get(f"/v1/cubes/shares/{i}/memories", params={"user_id": "bob", "cursor": "WyJhYWFhIl0"}),
            share_of_anna,
            control=422,
        ),
    },
    "shares_recall": {
        "share_id": Case(
            lambda c, i: c.post(f"/v1/cubes/shares/{i}/recall", json={**QUERY, "user_id": "bob"}), share_of_anna
        ),
        "user_id": Case(
            lambda c, i: c.post(f"/v1/cubes/shares/{uuid4()}/recall", json={**QUERY, "user_id": i}),
            World.user,
            unheard,
            404,
        ),
        "agent_id": Case(
            lambda c, i: c.post(f"/v1/cubes/shares/{uuid4()}/recall", json={**QUERY, "agent_id": i}),
            World.agent,
            unheard,
            404,
        ),
    },
    "artefacts_create": {"user_id": Case(artefact, World.user, unheard, 201)},
    "artefacts_list": {
        "user_id": Case(listing("/v1/cubes/artefacts", "user_id"), lambda w: artefact_of_anna(w) and "anna", unheard),
        "cursor": Case(
            lambda c, i: c.get("/v1/cubes/artefacts", params={"user_id": i, "cursor": "WyJhYWFhIl0"}),
            World.user,
            unheard,
            422,
        ),
    },
    "artefacts_get": {"artefact_id": Case(get("/v1/cubes/artefacts/{}"), artefact_of_anna)},
    "artefacts_content": {"artefact_id": Case(get("/v1/cubes/artefacts/{}/content"), artefact_of_anna)},
    "artefacts_delete": {
        "artefact_id": Case(lambda c, i: c.delete(f"/v1/cubes/artefacts/{i}"), artefact_of_anna, control=204)
    },
}
