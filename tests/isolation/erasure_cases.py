"""The cases of the isolation test for erasures; see `route_cases`."""

from tests.isolation.route_cases import Case, World, get, listing, unheard


def erasure(world: World) -> str:
    """A receipt that A owns."""
    return world.a.delete(f"/v1/events/{world.event()}").json()["id"]


def erased_user(world: World) -> str:
    """A user with a receipt."""
    erasure(world)
    return "anna"


def cursor(world: World) -> str:
    """The cursor of A's second page of receipts."""
    erasure(world)
    erasure(world)
    return world.a.get("/v1/erasures", params={"limit": 1}).json()["next_cursor"]


CASES: dict[str, dict[str, Case]] = {
    "users_delete": {"user_id": Case(lambda c, i: c.delete(f"/v1/users/{i}"), World.user, unheard, 202)},
    "events_delete": {"event_id": Case(lambda c, i: c.delete(f"/v1/events/{i}"), World.event, control=202)},
    "erasures_create": {
        "user_id": Case(
            lambda c, i: c.post("/v1/erasures", json={"user_id": i, "source": {"role": "user"}}),
            World.user,
            unheard,
            202,
        ),
        "event_id": Case(
            lambda c, i: c.post("/v1/erasures", json={"user_id": "anna", "event_id": i}), World.event, control=202
        ),
        "session_id": Case(
            lambda c, i: c.post("/v1/erasures", json={"user_id": "anna", "session_id": i}),
            World.session,
            unheard,
            202,
        ),
        "source.agent_id": Case(
            lambda c, i: c.post("/v1/erasures", json={"user_id": "anna", "source": {"agent_id": i}}),
            World.agent,
            unheard,
            202,
        ),
    },
    "erasures_list": {
        "user_id": Case(listing("/v1/erasures", "user_id"), erased_user, unheard),
        "cursor": Case(listing("/v1/erasures", "cursor", limit=1), cursor, lambda: "WyJhYWFhIl0"),
    },
    "erasures_get": {"erasure_id": Case(get("/v1/erasures/{}"), erasure)},
    "erasures_verify": {"erasure_id": Case(lambda c, i: c.post(f"/v1/erasures/{i}/verify"), erasure)},
}
