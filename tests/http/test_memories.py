"""Memories over HTTP: direct writes, versions with If-Match, history, deletion without a trace, lists as of then."""

from itertools import pairwise

import pytest

from app.domain.access import KeyScope
from tests.support.served import new_key


def create(api, text: str = "Anna lives in Lisbon.", **fields):
    return api.post("/v1/memories", json={"user_id": "anna", "text": text, **fields})


def listed(api, **params):
    answer = api.get("/v1/memories", params={"user_id": "anna", **params})
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


def test_a_direct_write_comes_back_as_sent(api):
    sent = {
        "type": "preference",
        "session_id": "s1",
        "agent_id": "bot",
        "event_time": "2025-05",
        "valid_from": "2025-05-04",
        "valid_to": "2026",
        "occurred_at": "2025-05-04T10:00:00+01:00",
        "importance": 0.75,
        "confidence": 0.5,
        "metadata": {"z": 1, "a": [0.1, -3]},
    }
    answer = create(api, "Anna prefers tea: 茶 ☕.", **sent)
    assert answer.status_code == 201, answer.text
    assert answer.headers["etag"] == '"1"'
    memory = answer.json()
    for name, value in sent.items():
        assert memory[name] == value, name
    assert memory["event_time_precision"] == "month"
    assert memory["valid_from_precision"] == "day"
    assert memory["valid_to_precision"] == "year"
    assert memory["status"] == "active"
    got = api.get(f"/v1/memories/{memory['id']}")
    assert got.json() == memory
    assert got.headers["etag"] == '"1"'
    assert listed(api) == [memory]


def test_the_same_words_are_the_same_memory(api):
    first = create(api, "Anna lives in Lisbon.").json()
    again = create(api, "anna lives in  lisbon")
    assert again.status_code == 200
    counted = {"use_count", "last_used_at", "stability", "strength", "retention"}
    told = again.json()
    assert {name for name in first if told[name] != first[name]} <= counted
    assert (first["use_count"], told["use_count"], told["last_used_at"] is None) == (0.0, 1.0, False)


def test_sources_must_be_events_of_the_user(api):
    events = [
        {"user_id": "anna", "session_id": "s1", "role": "user", "content": "Hi", "id": "one"},
        {"user_id": "bob", "session_id": "s1", "role": "user", "content": "Hi"},
    ]
    mine, other = (item["id"] for item in api.post("/v1/events", json={"events": events}).json()["items"])
    memory = create(api, source_event_ids=[mine]).json()
    assert [(s["event_id"], s["client_id"]) for s in memory["sources"]] == [(mine, "one")]
    refused = create(api, "Other.", source_event_ids=[mine, other])
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/source_event_ids/1"


def test_a_patch_needs_the_version_and_makes_a_new_one(api):
    memory = create(api, value="Lisbon", subject="Anna", attribute="home").json()
    path = f"/v1/memories/{memory['id']}"
    missing = api.patch(path, json={"text": "Anna lives in Porto."})
    assert (missing.status_code, missing.json()["code"]) == (428, "precondition_required")
    patched = api.patch(path, json={"text": "Anna lives in Porto."}, headers={"If-Match": '"1"'})
    assert patched.status_code == 200, patched.text
    assert patched.headers["etag"] == '"2"'
    assert patched.json()["text"] == "Anna lives in Porto."
    assert (patched.json()["subject"], patched.json()["value"]) == ("anna", None)
    stale = api.patch(path, json={"importance": 0.1}, headers={"If-Match": '"1"'})
    assert (stale.status_code, stale.json()["code"]) == (412, "precondition_failed")
    assert stale.json()["errors"][0]["pointer"] == "header:If-Match"
    dated = api.patch(path, json={"event_time": "2025-05-04"}, headers={"If-Match": '"1", "2"'}).json()
    cleared = api.patch(path, json={"event_time": None, "metadata": {"x": 1}}, headers={"If-Match": "*"}).json()
    assert (dated["event_time"], cleared["event_time"], cleared["version"]) == ("2025-05-04", None, 4)
    history = api.get(f"{path}/history").json()["items"]
    assert [(v["version"], v["change"], v["text"]) for v in history] == [
        (1, "add", "Anna lives in Lisbon."),
        (2, "patch", "Anna lives in Porto."),
        (3, "patch", "Anna lives in Porto."),
        (4, "patch", "Anna lives in Porto."),
    ]
    for before, after in pairwise(history):
        assert before["recorded_until"] == after["recorded_at"]
    assert history[-1]["recorded_until"] is None
    assert all(v["actor"].startswith("key:") for v in history)
    first = api.get(f"{path}/history", params={"limit": 3}).json()
    rest = api.get(f"{path}/history", params={"limit": 3, "cursor": first["next_cursor"]}).json()
    assert first["items"] + rest["items"] == history


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, ""), ({"text": None}, "/text"), ({"type": "song"}, "/type"), ({"status": "archived"}, "/status"),
        ({"valid_to": "2025-03"}, "/valid_to"), ({"valid_from": "2026-02-02", "valid_to": "2026"}, None),
        ({"valid_from": "2026-02", "valid_to": "2025-12-31"}, "/valid_to"),
    ],
)  # fmt: skip
def test_a_patch_that_says_nothing_or_nonsense_is_refused(api, body, pointer):
    memory = create(api, valid_from="2025-05").json()
    answer = api.patch(f"/v1/memories/{memory['id']}", json=body, headers={"If-Match": '"1"'})
    assert answer.status_code == (422 if pointer is not None else 200)
    assert pointer is None or pointer in [e["pointer"] for e in answer.json()["errors"]]


def test_a_patch_may_not_make_two_memories_say_the_same(api):
    create(api, "Anna lives in Porto.")
    memory = create(api, "Anna lives in Lisbon.").json()
    answer = api.patch(f"/v1/memories/{memory['id']}", json={"text": "Anna lives in Porto"}, headers={"If-Match": "*"})
    assert (answer.status_code, answer.json()["code"]) == (409, "same_text")


def test_only_one_of_two_patches_of_the_same_version_wins(api):
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

    memory = create(api).json()

    def change(n: int) -> int:
        body = {"metadata": {"n": n}}
        return api.patch(f"/v1/memories/{memory['id']}", json=body, headers={"If-Match": '"1"'}).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(change, range(8)))
    assert statuses == [200] + [412] * 7


def test_a_deleted_memory_leaves_no_text_behind(api, served, project, owner_database):
    word = "Xylophonia"
    memory = create(api, f"Anna lives in {word}.", value=word, subject="Anna", attribute="home").json()
    path = f"/v1/memories/{memory['id']}"
    api.post(f"{path}/feedback", json={"signal": "helpful", "note": word, "query": f"Who lives in {word}?"})
    assert api.delete(path, headers={"If-Match": '"7"'}).status_code == 412
    answer = api.delete(path, headers={"If-Match": '"1"'})
    assert (answer.status_code, answer.content) == (204, b"")
    for route in (path, f"{path}/history"):
        assert api.get(route).status_code == 404
    assert api.delete(path).status_code == 404
    assert listed(api, status="any") == []
    assert listed(api, status="any", known_at="2100-01-01T00:00:00Z") == []
    with owner_database.transaction(None) as conn:
        for table in ("memories", "memory_versions", "candidates", "audit", "vectors", "entities", "work", "feedback"):
            rows = conn.execute(
                f"SELECT count(*) AS n FROM {table} t WHERE t.project_id = %s AND t::text ILIKE %s",
                (project.project_id, f"%{word}%"),
            ).fetchone()
            assert rows == {"n": 0}, table
        gone = conn.execute("SELECT count(*) AS n FROM unindex WHERE target_id = %s", (memory["id"],)).fetchone()
        assert gone["n"] <= 1  # the index stage may have taken it already
        acts = conn.execute(
            "SELECT action FROM audit WHERE project_id = %s ORDER BY at", (project.project_id,)
        ).fetchall()
        assert [row["action"] for row in acts] == ["memory.create", "memory.feedback", "memory.delete"]
    assert create(api, f"Anna lives in {word}.").status_code == 201


def test_lists_as_of_another_time(api, served, project):
    old = create(api, "Anna lives in Lisbon.", occurred_at="2025-01-01T00:00:00Z").json()["id"]
    new = create(api, "Anna lives in Porto.", occurred_at="2025-06-01T00:00:00Z").json()["id"]
    with served.context.db.transaction(project) as conn:
        conn.execute(
            "UPDATE memories SET status = 'superseded', live_until = '2025-06-01T00:00:00Z' WHERE id = %s", (old,)
        )

    def found(**params):
        return [(m["id"], m["status"]) for m in listed(api, **params)]

    assert found() == [(new, "active")]
    assert found(status="any") == [(old, "superseded"), (new, "active")]
    assert found(status="superseded") == [(old, "superseded")]
    assert found(as_of="2025-03-01T00:00:00Z") == [(old, "active")]
    assert found(as_of="2025-03-01T00:00:00Z", status="any") == [(old, "active")]
    assert found(as_of="2025-06-01T00:00:00Z") == [(new, "active")]
    assert found(as_of="2024-01-01T00:00:00Z", status="any") == []


def test_lists_as_they_were_known(api):
    memory = create(api, "Anna lives in Lisbon.").json()
    path = f"/v1/memories/{memory['id']}"
    api.patch(path, json={"text": "Anna lives in Porto."}, headers={"If-Match": '"1"'})
    first, second = api.get(f"{path}/history").json()["items"]
    assert [m["text"] for m in listed(api, known_at=first["recorded_at"])] == ["Anna lives in Lisbon."]
    assert [m["version"] for m in listed(api, known_at=second["recorded_at"])] == [2]
    assert listed(api, known_at="2020-01-01T00:00:00Z") == []


def test_filters_and_pages(api):
    for n in range(7):
        create(api, f"Statement {n} 50%_\\.", type="episode" if n % 2 else "fact", session_id=f"s{n % 2}")
    create(api, "Unrelated.", occurred_at="2020-01-01T00:00:00Z")
    assert len(listed(api, q="statement 50%_\\")) == 7
    assert len(listed(api, q="50__")) == 0
    assert len(listed(api, type="episode")) == 3
    assert len(listed(api, session_id="s0")) == 4
    assert [m["text"] for m in listed(api, to="2021-01-01T00:00:00Z")] == ["Unrelated."]
    assert listed(api, entity="Lisbon") == []
    seen, cursor = [], None
    while True:
        params = {"user_id": "anna", "limit": 3} | ({"cursor": cursor} if cursor else {})
        page = api.get("/v1/memories", params=params).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == [m["id"] for m in listed(api)]


@pytest.mark.parametrize("cursor", ["x", "!!!", "W10", "bnVsbA", "WyJ4IiwxXQ"])
def test_a_foreign_or_broken_cursor_is_refused(api, cursor):
    create(api, "One.")
    create(api, "Two.")
    own = api.get("/v1/memories", params={"limit": 1}).json()["next_cursor"]
    for params in ({"cursor": cursor}, {"cursor": own, "user_id": "anna"}, {"cursor": own, "status": "any"}):
        answer = api.get("/v1/memories", params=params)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "query:cursor"


def test_secrets_do_not_become_memories(api, served, project):
    answer = create(api, "Anna's password is hunter2horse")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/text"
    memory = create(api).json()
    patched = api.patch(
        f"/v1/memories/{memory['id']}", json={"text": "Her password is hunter2horse"}, headers={"If-Match": "*"}
    )
    assert patched.status_code == 422
    writer = new_key(served.context.db, project, KeyScope.MEMORIES_WRITE)
    with served.client(writer) as other:
        assert other.get("/v1/memories").status_code == 403
