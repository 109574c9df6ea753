"""What an import reports before and after it, and what it leaves whole."""

import pytest

from tests.support.cubes import cube_of, remember, taken, texts


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
