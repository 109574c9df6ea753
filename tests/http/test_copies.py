"""Clones and fusions over HTTP, tried dry and done."""

import pytest

from tests.support.cubes import remember, texts


def made(api, work, kind: str, body: dict) -> dict:
    answer = api.post(f"/v1/cubes/{kind}", json=body)
    assert answer.status_code == 202, answer.text
    work()
    job = api.get(answer.headers["location"]).json()
    assert job["state"] == "done", job
    return job


@pytest.mark.parametrize(
    ("kind", "body", "then"),
    [
        ("clone", {"user_id": "anna", "to_user_id": "copy"}, {"Anna likes green tea.", "Anna sails."}),
        ("fuse", {"user_ids": ["anna", "ben"], "into": "copy"}, {"Anna likes green tea.", "Anna sails."}),
    ],
)
def test_a_dry_run_reports_what_is_then_done(api, work, kind, body, then):
    remember(api, "Anna likes green tea.")
    remember(api, "Anna sails.")
    remember(api, "Ben likes green tea.", user="ben")
    remember(api, "Anna sails.", user="copy")  # two memories never say the same: this one is in the way
    dry = made(api, work, kind, body | {"dry_run": True})
    assert dry["dry_run"] is True
    assert texts(api, "copy") == ["Anna sails."]
    foreseen = api.get(f"/v1/jobs/{dry['id']}/items").json()["items"]
    done = made(api, work, kind, body)
    assert done["counts"] == dry["counts"]
    assert done["counts"]["memory_added"] == 1
    told = ("user_id", "target_kind", "target_id", "action", "reason", "detail")
    items = api.get(f"/v1/jobs/{done['id']}/items").json()["items"]
    assert [[item[name] for name in told] for item in items] == [[item[name] for name in told] for item in foreseen]
    assert items, "what is left out is named"
    assert set(texts(api, "copy")) == then
    entries = api.get("/v1/audit", params={"action": f"cube.{kind}"}).json()["items"]
    users = {name for value in body.values() for name in (value if isinstance(value, list) else [value])}
    noted = [(entry["user_id"], entry["detail"]["dry_run"]) for entry in entries]
    assert sorted(noted) == sorted((user, tried) for user in users for tried in (False, True)), "an entry each"
