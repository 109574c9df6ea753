"""The cases of the isolation test for versions, snapshots, rollbacks and the audit; see `route_cases`."""

from uuid import uuid4

from tests.isolation.route_cases import WORD, Case, World, get, listing, unheard


def snapshot(world: World) -> str:
    """A snapshot of a user, who has learned something since."""
    world.memory()
    made = world.a.post("/v1/cubes/snapshots", json={"user_id": "anna", "name": f"{WORD} {uuid4()}"}).json()["id"]
    world.memory()
    return made


def second_snapshots(world: World) -> str:
    """The cursor of A's second page of snapshots."""
    snapshot(world)
    snapshot(world)
    return world.a.get("/v1/cubes/snapshots", params={"limit": 1}).json()["next_cursor"]


def second_entries(world: World) -> str:
    """The cursor of the second page of A's audit."""
    world.memory()
    return world.a.get("/v1/audit", params={"limit": 1}).json()["next_cursor"]


VERSION_CASES: dict[str, dict[str, Case]] = {
    "memories_restore": {
        "memory_id": Case(lambda c, i: c.post(f"/v1/memories/{i}/restore", json={"version": 1}), World.memory)
    },
    "cubes_snapshot_create": {
        "user_id": Case(
            lambda c, i: c.post("/v1/cubes/snapshots", json={"user_id": i, "name": "n"}), World.user, unheard, 201
        ),
    },
    "cubes_snapshot_list": {
        "user_id": Case(listing("/v1/cubes/snapshots", "user_id"), lambda w: snapshot(w) and "anna", unheard),
        "cursor": Case(listing("/v1/cubes/snapshots", "cursor", limit=1), second_snapshots, lambda: "WyJhYWFhIl0"),
    },
    "cubes_snapshot_get": {"snapshot_id": Case(get("/v1/cubes/snapshots/{}"), snapshot)},
    "cubes_snapshot_delete": {
        "snapshot_id": Case(lambda c, i: c.delete(f"/v1/cubes/snapshots/{i}"), snapshot, control=204)
    },
    "cubes_snapshot_diff": {
        "snapshot_id": Case(get("/v1/cubes/snapshots/{}/diff"), snapshot),
        "cursor": Case(
            lambda c, i: c.get(f"/v1/cubes/snapshots/{i}/diff", params={"cursor": "WyJhYWFhIl0"}),
            snapshot,
            control=422,
        ),
    },
    "cubes_rollback": {
        "user_id": Case(
            lambda c, i: c.post("/v1/cubes/rollback", json={"user_id": i, "known_at": "2025-01-01T00:00:00Z"}),
            World.user,
            unheard,
            202,
        ),
        "snapshot_id": Case(
            lambda c, i: c.post("/v1/cubes/rollback", json={"user_id": "anna", "snapshot_id": i}),
            snapshot,
            control=202,
        ),
    },
    "audit_list": {
        "user_id": Case(listing("/v1/audit", "user_id"), lambda w: w.memory() and "anna", unheard),
        "target_id": Case(listing("/v1/audit", "target_id"), World.memory),
        "cursor": Case(listing("/v1/audit", "cursor", limit=1), second_entries, lambda: "WyJhYWFhIl0"),
    },
    "audit_export": {
        "user_id": Case(listing("/v1/audit/export", "user_id"), lambda w: w.memory() and "anna", unheard),
        "target_id": Case(listing("/v1/audit/export", "target_id", format="training"), World.memory),
    },
}
