"""The cases of the isolation test for the state of a memory; `test_routes` puts them beside the others."""

from tests.isolation.route_cases import Case, World

CASES: dict[str, dict[str, Case]] = {
    "memories_state": {
        "memory_id": Case(lambda c, i: c.post(f"/v1/memories/{i}/state", json={"action": "freeze"}), World.memory)
    },
}
