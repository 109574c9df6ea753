"""What is coming up stands in the context: plans that are due, under the access rules of memories."""

from datetime import UTC, datetime, timedelta

import pytest

from app.domain.scope import UserScope
from app.storage import recall_memories

SAID = datetime.now(UTC) - timedelta(days=40)
FILLER = tuple(f"The garden needs water, remark number {i} about tomatoes and beans. " * 6 for i in range(14))


def on(days):
    """A day from today, as a person writes it."""
    day = datetime.now(UTC) + timedelta(days=days)
    return f"{day.day} {day:%B} {day.year}"


@pytest.fixture
def planned(user):
    """A user with a long history and two plans: one in three days, one in a month."""
    user.say(
        f"I have a dentist appointment on {on(3)}.", f"I am flying to Athens on {on(30)}.", occurred_at=SAID.isoformat()
    )
    user.say(*FILLER, session="s2", occurred_at=SAID.isoformat())
    user.settle()
    return user


def upcoming(answer):
    """The ids that are coming up, and the lines below the title."""
    context = answer["context"]
    ids = [i for section in context["sections"] if section["name"] == "upcoming" for i in section["ids"]]
    _, _, below = context["text"].partition("## Coming up\n")
    return ids, below.split("\n##")[0]


def ask(user, **options):
    return user.ask("What about tomatoes?", limit=3, cache="off", **options)


def test_a_plan_that_is_due_is_shown_with_its_day_and_its_mark(planned):
    answer = ask(planned)
    ids, below = upcoming(answer)
    assert len(ids) == 1
    day = (datetime.now(UTC) + timedelta(days=3)).date().isoformat()
    assert below.startswith(f"[{day}] #")
    assert "dentist" in below
    assert "Athens" not in answer["context"]["text"]
    all_ids = [i for section in answer["context"]["sections"] for i in section["ids"]]
    mark = int(below.split("#")[1].split(":")[0])
    assert all_ids[mark - 1] == ids[0]


def test_a_plan_that_is_an_item_stands_once(planned):
    answer = planned.ask("When is my dentist appointment?", cache="off")
    ids = [i for section in answer["context"]["sections"] for i in section["ids"]]
    assert len(ids) == len(set(ids))
    assert answer["context"]["text"].count("The user has a dentist appointment") == 1


@pytest.mark.parametrize(
    "narrower",
    [
        {"mode": "fast"},
        {"types": ["fact"]},
        {"filters": {"session_id": "s2"}},
        {"filters": {"agent_id": "nobody"}},
        {"as_of": (SAID + timedelta(days=39)).isoformat()},
        {"known_at": datetime.now(UTC).isoformat()},
        {"time_range": {"from": "2000-01-01T00:00:00Z"}},
    ],
    ids=lambda given: next(iter(given)),
)
def test_a_narrower_view_leaves_it_out(planned, narrower):
    assert upcoming(ask(planned, **narrower)) == ([], "")


def test_what_is_over_taken_back_or_private_is_not_shown(planned):
    ((plan,), _) = upcoming(ask(planned))
    archived = planned.http.post(f"/v1/memories/{plan}/feedback", json={"signal": "private"})
    assert archived.status_code < 300, archived.text
    assert upcoming(ask(planned))[0] == []
    assert upcoming(ask(planned, include_archived=True))[0] == []


def test_an_expired_plan_is_not_shown(planned, project):
    ((plan,), _) = upcoming(ask(planned))
    scope = UserScope(project.project_id, planned.id)
    with planned.context.db.transaction(scope) as conn:
        conn.execute("UPDATE memories SET expires_at = now() - interval '1 second' WHERE id = %s", (plan,))
    assert upcoming(ask(planned))[0] == []


def test_another_user_sees_nothing_of_it(planned):
    mine, planned.id = planned.id, f"{planned.id}-other"
    planned.say("I like tomatoes.", *FILLER)
    assert upcoming(ask(planned)) == ([], "")
    planned.id = mine


def test_a_policy_of_no_days_shows_none(planned):
    policy = planned.http.get("/v1/policy").json()["policy"]
    for days, shown in ((0, 0), (40, 2), (2, 0)):
        policy["recall"]["foresight_days"] = days
        assert planned.http.put("/v1/policy", json={"policy": policy}).status_code == 200
        assert len(upcoming(ask(planned))[0]) == shown


def test_a_repeated_recall_reads_nothing_again(planned, monkeypatch):
    ask(planned)

    def read(*_given, **_named):
        pytest.fail("nothing has changed")

    monkeypatch.setattr(recall_memories, "plans", read)
    assert len(upcoming(ask(planned))[0]) == 1


def test_the_view_of_a_session_has_it(planned):
    def view(session):
        answer = planned.http.get(f"/v1/sessions/{session}/context", params={"user_id": planned.id})
        assert answer.status_code == 200, answer.text
        return answer.json()

    ids, below = upcoming(view("s2"))
    assert len(ids) == 1
    assert "dentist" in below
    assert upcoming(view("s1"))[0] == [], "its last turns say so"


def test_what_is_coming_up_is_recognised_when_it_comes_back(planned):
    _, below = upcoming(ask(planned))
    said = below.split(": ", 1)[1].strip()
    (back,) = planned.say(said, session="s3")
    planned.settle()
    page = planned.http.get("/v1/memories", params={"user_id": planned.id}).json()["items"]
    (plan,) = [item for item in page if "dentist" in item["text"]]
    assert back not in [source["event_id"] for source in plan["sources"]]
