"""The audit over HTTP: acts and changes in one order, filters, the file, the chain and where it breaks."""

import json

import pytest

from app.domain.scope import UserScope
from tests.http.test_versions import patched, told


def entries(api, **filters):
    found, cursor = [], None
    while True:
        page = api.get("/v1/audit", params={**filters, "limit": 3} | ({"cursor": cursor} if cursor else {})).json()
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


def lines(answer):
    return [json.loads(line) for line in answer.text.splitlines()]


@pytest.fixture
def memory(api):
    """A memory that was patched, called wrong and right; beside it one that was deleted."""
    memory = patched(api, told(api), text="The user lives in Porto.")
    for signal in ("wrong", "helpful"):
        api.post(f"/v1/memories/{memory['id']}/feedback", json={"signal": signal})
    gone = told(api, "The user owns a red bicycle.")
    api.delete(f"/v1/memories/{gone['id']}")
    return memory


def test_acts_and_changes_stand_in_one_order(api, memory):
    found = entries(api)
    assert [e["at"] for e in found] == sorted(e["at"] for e in found)
    assert len({e["id"] for e in found}) == len(found)
    of = [e for e in found if e["target_id"] == memory["id"]]
    assert sorted((e["kind"], e["action"]) for e in of) == [
        ("act", "memory.create"), ("act", "memory.feedback"), ("act", "memory.feedback"), ("act", "memory.update"),
        ("change", "add"), ("change", "feedback"), ("change", "patch"),
    ]  # fmt: skip
    patch = next(e for e in of if e["action"] == "patch")
    assert patch["changes"] == [
        {"field": "text", "before": "The user lives in Warsaw.", "after": "The user lives in Porto."},
    ]
    assert (patch["version_before"], patch["version"]) == (1, 2)
    assert patch["actor"].startswith("key:")
    assert [e["seal"]["seq"] for e in found] == list(range(1, len(found) + 1))


def test_what_was_deleted_is_a_redacted_entry(api, memory):
    redacted = [e for e in entries(api, kind="change") if e["redacted"]]
    assert [e["action"] for e in redacted] == ["add", "delete"]
    assert "bicycle" not in api.get("/v1/audit").text
    assert all(not c["after"] for e in redacted for c in e["changes"] if c["field"] in {"text", "value"})


def test_filters_narrow(api, memory):
    told(api, "The user plays chess.", user="ben")
    found = entries(api)
    actor = found[0]["actor"]
    middle = found[len(found) // 2]["at"]
    for filters, holds in (
        ({"user_id": "ben"}, lambda e: e["user_id"] == "ben"),
        ({"actor": actor}, lambda e: e["actor"] == actor),
        ({"action": "patch"}, lambda e: e["action"] == "patch"),
        ({"kind": "act"}, lambda e: e["kind"] == "act"),
        ({"target_kind": "memory"}, lambda e: e["target_kind"] == "memory"),
        ({"target_id": memory["id"]}, lambda e: e["target_id"] == memory["id"]),
        ({"from": middle}, lambda e: e["at"] >= middle),
        ({"to": middle}, lambda e: e["at"] < middle),
    ):
        wanted = [e["id"] for e in found if holds(e)]
        assert wanted
        assert [e["id"] for e in entries(api, **filters)] == wanted, filters
    assert entries(api, actor="nobody") == []


def test_the_file_holds_the_list(api, memory):
    answer = api.get("/v1/audit/export")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert lines(answer) == entries(api)


def test_training_rows_say_what_became_of_a_change(api, memory):
    rows = lines(api.get("/v1/audit/export", params={"format": "training", "target_id": memory["id"]}))
    assert [row["operation"]["action"] for row in rows] == ["add", "patch", "feedback"]
    add, patch, feedback = rows
    assert add["before"] is None
    assert patch["before"]["text"] == "The user lives in Warsaw."
    assert patch["after"]["text"] == "The user lives in Porto."
    assert (add["outcome"]["kept"], add["outcome"]["next"]["action"]) == (False, "patch")
    assert feedback["outcome"] == {"feedback": {"helpful": 1}, "next": None, "kept": True, "status": "active"}


def verified(api):
    answer = api.get("/v1/audit/verify")
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_chain_holds_and_covers_what_was_erased(api, memory):
    first = verified(api)
    assert first["intact"]
    assert (first["breaks"], first["gone"], first["next_after"]) == ([], 0, None)
    assert first["redacted"] == 2
    assert first["checked"] == len(entries(api)) == first["head"]["seq"]
    api.delete(f"/v1/memories/{memory['id']}")
    second = verified(api)
    assert second["intact"]
    assert second["redacted"] == first["redacted"] + 4
    assert second["checked"] == first["checked"] + 2


FORGERIES = {
    "an act by somebody else": ("UPDATE audit SET actor = 'key:mallory' WHERE action = 'memory.update'", "by whom"),
    "an act on something else": ("UPDATE audit SET target_id = 'x' WHERE action = 'memory.update'", "was about"),
    "a word of a version": ("UPDATE memory_versions SET text = 'Rich.' WHERE change = 'patch'", "was about"),
    "a version at another time": (
        "UPDATE memory_versions SET recorded_at = recorded_at - interval '1 day' WHERE change = 'patch'", "when"),
    "a salt that is gone": ("UPDATE memory_versions SET salt = NULL WHERE change = 'patch'", "without an erasure"),
    "an act that is gone": ("DELETE FROM audit WHERE action = 'memory.update'", "taken out"),
    "a version that is gone": ("DELETE FROM memory_versions WHERE change = 'patch'", "taken out"),
    "a seal that is gone": ("DELETE FROM audit_seals WHERE seq = 2", "missing"),
    "a seal that was changed": ("UPDATE audit_seals SET head = body WHERE seq = 2", "seal was changed"),
}  # fmt: skip


@pytest.mark.parametrize("forgery", sorted(FORGERIES))
def test_the_check_says_where_the_chain_breaks(api, memory, project, owner_database, forgery):
    assert verified(api)["intact"]
    statement, problem = FORGERIES[forgery]
    with owner_database.transaction(None) as conn:
        conn.execute("ALTER TABLE audit DISABLE TRIGGER audit_only_redacted")  # who owns the tables can do so
        changed = conn.execute(f"{statement} AND project_id = %s", (project.project_id,)).rowcount
        conn.execute("ALTER TABLE audit ENABLE TRIGGER audit_only_redacted")
    assert changed == 1
    found = verified(api)
    assert not found["intact"]
    assert len(found["breaks"]) == 1
    assert problem in found["breaks"][0]["problem"]


def test_versions_of_before_the_chain_are_sealed_too(api, served, project):
    memory = told(api)
    with served.context.db.transaction(UserScope(project.project_id, "anna")) as conn:
        conn.execute("UPDATE memory_versions SET salt = NULL WHERE memory_id = %s", (memory["id"],))
    found = verified(api)
    assert found["intact"]
    assert found["redacted"] == 0


@pytest.mark.parametrize(
    "query",
    ["actor=%00", "target_id=%ED%A0%80", "action=%FF", "user_id=..", "from=yesterday", "kind=x", "after=1", "cursor=x",
     f"actor={'x' * 300}", "limit=0", "actor="],
)  # fmt: skip
def test_what_is_no_filter_is_refused_or_finds_nothing(api, query):
    told(api)
    for path in ("/v1/audit", "/v1/audit/export"):
        answer = api.get(f"{path}?{query}")
        assert answer.status_code in {200, 422}
        if answer.status_code == 422:
            assert answer.json()["errors"][0]["pointer"].startswith("query:")
        else:
            assert answer.text in {"", '{"items":[],"next_cursor":null}'}


@pytest.mark.parametrize("after", ["-1", "x", str(2**63), "1.5"])
def test_a_place_that_is_none_is_refused(api, after):
    assert api.get("/v1/audit/verify", params={"after": after}).status_code == 422


def test_a_place_behind_the_end_has_nothing_to_check(api):
    assert api.get("/v1/audit/verify", params={"after": 2**40}).json()["checked"] == 0
