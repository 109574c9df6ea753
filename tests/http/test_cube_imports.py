"""What an import reports before and after it, and what it leaves whole."""

import pytest

from app.domain.policy import DEFAULT
from tests.support.cubes import cube_of, lines_of, remember, resealed, taken, texts


@pytest.mark.parametrize("conflict", ["skip", "newer", "replace", "duplicate"])
def test_a_dry_run_counts_what_the_run_then_does(api, work, conflict):
    """Into nobody, over what says the same, and over what is there already."""
    for text in ("Anna likes green tea.", "Anna lives in Porto."):
        remember(api, text)
    cube = cube_of(api)
    remember(api, "Anna likes green tea.", user="ben")
    for user in ("carl", "ben", "ben"):
        query = {"user_id": user, "conflict": conflict}
        dry, run = taken(api, work, cube, **query, dry_run=True), taken(api, work, cube, **query)
        assert dry["counts"] == run["counts"]
        assert {"version_added", "vector_added"} <= set(dry["counts"]) or user == "ben"


def test_the_audit_holds_when_another_users_file_comes_again_after_an_erasure(api, work):
    remember(api, "Anna likes green tea.")
    cube = cube_of(api)
    for _ in range(2):
        taken(api, work, cube, user_id="ben")
        assert texts(api, "ben") == ["Anna likes green tea."]
        found = api.get("/v1/audit/verify").json()
        assert found["intact"], found["breaks"]
        assert api.delete("/v1/users/ben").status_code == 202
        work()


def test_the_policy_goes_along_when_it_is_asked_for(api, work):
    remember(api, "Anna likes green tea.")
    cube = cube_of(api, include=["policy"])
    assert lines_of(cube)[1]["body"] == DEFAULT.model_dump(mode="json")  # what holds, though nobody has written it
    api.put("/v1/policy", json={"preset": "amem"}).raise_for_status()
    own = api.get("/v1/policy").json()
    for query in ({}, {"apply_policy": True, "dry_run": True}):
        told = taken(api, work, cube, user_id="ben", **query)["counts"]
        assert told.get("policy_replaced", 0) == len(query) / 2
        assert api.get("/v1/policy").json() == own
    assert taken(api, work, cube, user_id="ben", apply_policy=True)["counts"]["policy_replaced"] == 1
    held = api.get("/v1/policy").json()
    assert (held["preset"], held["policy"]) == ("default", DEFAULT.model_dump(mode="json"))


def test_a_policy_that_is_none_stops_an_import_that_would_take_it(api, work):
    remember(api, "Anna likes green tea.")
    lines = lines_of(cube_of(api, include=["policy"]))
    lines[1]["body"]["segment"]["max_events"] = "many"
    job = taken(api, work, resealed(lines), user_id="ben", apply_policy=True)
    assert job["counts"] == {"invalid_lines": 1}
    items = api.get(f"/v1/jobs/{job['id']}/items").json()["items"]
    assert [(item["target_id"], item["action"]) for item in items] == [("line 2: /body/segment/max_events", "refused")]
    assert texts(api, "ben") == []
    taken(api, work, resealed(lines), user_id="ben")
    assert texts(api, "ben") == ["Anna likes green tea."]
