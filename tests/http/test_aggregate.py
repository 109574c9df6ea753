"""Aggregation over HTTP: exact counts and sums, from every point of view, inside what the key may see."""

import pytest

from app.domain.access import KeyScope
from tests.support.served import new_key, new_project


def remember(api, text: str, value: str | None = None, **fields):
    body = {"user_id": "anna", "subject": "Anna", "attribute": "spent", "text": text, **fields}
    answer = api.post("/v1/memories", json=body | ({"value": value} if value else {}))
    assert answer.status_code == 201, answer.text
    return answer.json()


def ask(api, **body):
    answer = api.post("/v1/memories/aggregate", json={"user_id": "anna", **body})
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture
def spent(api):
    """What Anna spent, in two currencies, and once without a number."""
    rows = [
        ("Anna paid 1,200.50 EUR for rent.", "1,200.50 EUR", "2025-05-01", {}),
        ("Anna paid 28.5 EUR for lunch.", "28.5 EUR", "2025-05-20", {}),
        ("Anna paid two EUR for a stamp.", "two EUR", "2025-06", {}),
        ("Anna paid 10 USD for a book.", "10 USD", "2024", {}),
        ("Anna paid a lot for shoes.", "a lot", None, {"occurred_at": "2025-06-30T23:30:00-05:00"}),
    ]
    return [
        remember(api, text, value, **({"event_time": when} if when else {}), **more) for text, value, when, more in rows
    ]


def test_sums_are_exact_and_units_are_never_added_up(api, spent):
    found = ask(api, attribute="SPENT ", functions=["count", "sum", "min", "max"])
    assert (found["matched"], found["not_numeric"], found["truncated"]) == (5, 1, False)
    got = [(g["unit"], g["count"], g["sum"], g["min"], g["max"], g["not_numeric"]) for g in found["groups"]]
    assert got == [
        ("eur", 3, "1231.00", "2", "1200.50", 0),
        ("usd", 1, "10", "10", "10", 0),
        (None, 1, None, None, None, 1),
    ]
    assert all(group["key"] == {} for group in found["groups"])


def test_signs_of_money_are_units_too(api):
    for place, value in enumerate(("$20", "5 $", "20 \u20ac", "-\u20ac5", "5 %")):
        remember(api, f"Anna noted amount {place}.", value, attribute="noted")
    groups = ask(api, attribute="noted", functions=["sum"])["groups"]
    assert {g["unit"]: g["sum"] for g in groups} == {"$": "25", "\u20ac": "15", "%": "5"}


def test_a_count_is_of_everything_that_matches(api, spent):
    (group,) = ask(api)["groups"]
    assert (group["count"], group["distinct_values"], group["unit"]) == (5, 5, None)
    assert group["sum"] is group["latest"] is None
    assert group["memory_ids"] == [spent[n]["id"] for n in (4, 2, 1, 0, 3)]
    assert ask(api, subject="anna", attribute="spent", value="28.5 eur")["groups"][0]["count"] == 1
    assert ask(api, subject="bob")["groups"][0]["count"] == 0
    assert ask(api, subject="bob", group_by=["type"])["groups"] == []


def test_the_same_value_counts_as_often_as_it_is_remembered(api):
    for day in ("Monday", "Tuesday", "Friday"):
        remember(api, f"Anna had tea on {day}.", "Tea", attribute="drinks")
    (group,) = ask(api, attribute="drinks", group_by=["value"])["groups"]
    assert (group["key"], group["count"], group["distinct_values"]) == ({"value": "tea"}, 3, 1)


def test_groups_by_time_type_and_key(api, spent):
    remember(api, "Anna likes tea.", "tea", attribute="likes", type="preference")
    by_month = ask(api, attribute="spent", group_by=["month"], functions=["count", "sum"])
    assert {(g["key"]["month"], g["unit"]): (g["count"], g["sum"]) for g in by_month["groups"]} == {
        ("2025-05", "eur"): (2, "1229.00"),
        ("2025-06", "eur"): (1, "2"),
        ("2025-06", None): (1, None),
        (None, "usd"): (1, "10"),
    }
    by_year = ask(api, attribute="spent", group_by=["year", "subject"])["groups"]
    assert {g["key"]["year"]: g["count"] for g in by_year} == {"2025": 4, "2024": 1}
    by_type = ask(api, group_by=["type", "attribute"])["groups"]
    assert [(g["key"], g["count"]) for g in by_type] == [
        ({"type": "fact", "attribute": "spent"}, 5),
        ({"type": "preference", "attribute": "likes"}, 1),
    ]
    assert ask(api, types=["preference"])["matched"] == 1


def test_the_latest_value(api, spent):
    (group,) = ask(api, functions=["latest"], types=["fact"], time_range={"to": "2026-01-01T00:00:00Z"})["groups"]
    assert group["count"] is None
    assert group["latest"] == {
        "value": "a lot",
        "memory_id": spent[4]["id"],
        "text": "Anna paid a lot for shoes.",
        "occurred_at": "2025-06-30T23:30:00-05:00",
        "event_time": None,
    }
    (group,) = ask(api, functions=["latest"], time_range={"from": "2026-01-01T00:00:00Z"})["groups"]
    assert (group["latest"]["value"], group["latest"]["event_time"]) == ("two eur", "2025-06")


def test_keys_of_the_pipeline_are_compared_as_words(api, served, project):
    memory = remember(api, "Anna's favourite colour is teal.", "teal", attribute="colour")
    with served.context.db.transaction(project) as conn:
        conn.execute("UPDATE memories SET attribute = 'favourite:hair_colour' WHERE id = %s", (memory["id"],))
    (group,) = ask(api, attribute="Favourite hair-colour", group_by=["attribute"])["groups"]
    assert group["key"] == {"attribute": "favourite hair colour"}


def test_through_supersession_and_what_was_known(api, served, project):
    old = remember(api, "Anna weighs 70 kg.", "70 kg", attribute="weight", occurred_at="2025-01-01T00:00:00Z")
    new = remember(api, "Anna weighs 68 kg.", "68 kg", attribute="weight", occurred_at="2025-06-01T00:00:00Z")
    with served.context.db.transaction(project) as conn:
        conn.execute(
            "UPDATE memories SET status = 'superseded', live_until = '2025-06-01T00:00:00Z' WHERE id = %s", (old["id"],)
        )
    path = f"/v1/memories/{new['id']}"
    patch = {"text": "Anna weighs 67 kg.", "value": "67 kg"}
    assert api.patch(path, json=patch, headers={"If-Match": '"1"'}).status_code == 200
    versions = api.get(f"{path}/history").json()["items"]

    def weights(**view):
        found = ask(api, attribute="weight", functions=["max", "latest"], **view)
        group = found["groups"][0]
        return found["matched"], group["max"], group["latest"] and group["latest"]["value"]

    assert weights() == (1, "67", "67 kg")
    assert weights(status="any") == (2, "70", "67 kg")
    assert weights(as_of="2025-03-01T00:00:00Z") == (1, "70", "70 kg")
    assert weights(as_of="2025-03-01T00:00:00Z", status="any") == (1, "70", "70 kg")
    assert weights(as_of="2025-07-01T00:00:00Z") == (1, "67", "67 kg")
    assert weights(as_of="2025-07-01T00:00:00Z", known_at=versions[0]["recorded_at"]) == (2, "70", "68 kg")
    assert weights(known_at=versions[1]["recorded_at"], status="any") == (2, "70", "67 kg")
    assert weights(known_at="2020-01-01T00:00:00Z") == (0, None, None)


def test_more_groups_than_fit(api, served, project):
    seed = remember(api, "Anna owns book 0.", "book 0", attribute="owns")
    with served.context.db.transaction(project) as conn:
        conn.execute(
            "INSERT INTO memories (id, project_id, user_id, type, text, text_hash, subject, attribute, value,"
            " occurred_at, live_from) SELECT gen_random_uuid(), project_id, user_id, type, 'b', sha256(n::text::bytea),"
            " subject, attribute, 'book ' || n, now(), now() FROM memories, generate_series(1, 1000) n WHERE id = %s",
            (seed["id"],),
        )
    found = ask(api, attribute="owns", group_by=["value"])
    assert (found["matched"], len(found["groups"]), found["truncated"]) == (1001, 1000, True)
    (whole,) = ask(api, attribute="owns")["groups"]
    assert (whole["count"], len(whole["memory_ids"])) == (1001, 100)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"user_id": None}, "/user_id"),
        ({"colour": 1}, "/colour"),
        ({"subject": " .! "}, "/subject"),
        ({"attribute": ""}, "/attribute"),
        ({"value": "x" * 257}, "/value"),
        ({"types": []}, "/types"),
        ({"types": ["song"]}, "/types/0"),
        ({"status": "superseded"}, "/status"),
        ({"functions": []}, "/functions"),
        ({"functions": ["mean"]}, "/functions/0"),
        ({"group_by": ["day"]}, "/group_by/0"),
        ({"group_by": ["type", "year", "month", "value"]}, "/group_by"),
        ({"as_of": "2025-01-01"}, "/as_of"),
        ({"time_range": {"from": "2025-01-02T00:00:00Z", "to": "2025-01-01T00:00:00Z"}}, "/time_range/to"),
        ({"time_range": {"since": "2025-01-02T00:00:00Z"}}, "/time_range/since"),
    ],
)
def test_nonsense_is_refused_with_a_pointer(api, body, pointer):
    answer = api.post("/v1/memories/aggregate", json={"user_id": "anna", **body})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert pointer in [e["pointer"] for e in answer.json()["errors"]]


def test_a_key_counts_what_it_may_see(api, served, project, spent):
    remember(api, "Anna paid 5 EUR for tea.", "5 EUR", session_id="s1")
    remember(api, "Bob paid 7 EUR.", "7 EUR", user_id="bob")
    database = served.context.db
    with served.client(new_key(database, project, KeyScope.MEMORIES_READ, user_id="anna")) as bound:
        assert ask(bound)["matched"] == 6
        assert bound.post("/v1/memories/aggregate", json={"user_id": "bob"}).status_code == 403
    with served.client(new_key(database, project, KeyScope.MEMORIES_READ, user_id="anna", session_id="s1")) as bound:
        assert ask(bound)["matched"] == ask(bound, status="any")["matched"] == 1
    with served.client(new_key(database, new_project(database))) as stranger:
        assert ask(stranger, status="any")["matched"] == 0
    with served.client(new_key(database, project, KeyScope.MEMORIES_WRITE)) as writer:
        assert writer.post("/v1/memories/aggregate", json={"user_id": "anna"}).status_code == 403
