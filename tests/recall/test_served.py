"""Text that a recall returned is recognised when it comes back, and teaches nothing."""

import pytest

from app.domain.scope import UserScope


def memories(user):
    page = user.http.get("/v1/memories", params={"user_id": user.id, "status": "any"}).json()["items"]
    return {item["id"]: (item["text"], item["status"], item["version"], len(item["sources"])) for item in page}


def event(user, event_id):
    return user.http.get(f"/v1/events/{event_id}").json()


@pytest.mark.parametrize("role", ["user", "assistant"])
@pytest.mark.parametrize("pasted", ["context", "items"])
def test_what_was_served_is_not_learnt_again(user, role, pasted):
    user.say("I live in Ghent.", "My sister Maria is allergic to peanuts.", "I play the cello on Sundays.")
    user.settle()
    before = memories(user)
    assert len(before) >= 2
    answer = user.ask("Where does the user live, and who is allergic?", record_usage=False)
    text = (
        answer["context"]["text"]
        if pasted == "context"
        else "\n".join(item["text"] for item in answer["items"] if item["kind"] == "memory")
    )
    (echo,) = user.say({"content": text, "role": role, "name": "Max" if role == "assistant" else None})
    user.settle()
    assert memories(user) == before
    assert event(user, echo)["skip_reason"] == "served"


def test_a_fact_in_the_users_own_words_still_strengthens(user):
    user.say("I live in Ghent.")
    user.settle()
    user.ask("Where does the user live?")
    user.say("I live in Ghent.", session="s2")
    user.settle()
    (found,) = memories(user).values()
    assert found[3] == 2


def test_news_beside_what_was_served_are_learnt(user):
    user.say("I live in Ghent.")
    user.settle()
    text = user.ask("Where does the user live?")["context"]["text"]
    user.say(f"{text}\nI play the cello.")
    user.settle()
    assert any("cello" in text for text, *_ in memories(user).values())


def test_what_was_said_before_it_was_served_is_no_echo(user, served, project):
    user.say({"content": "My brother Tom lives in Porto.", "role": "assistant", "name": "Max"})
    assert user.ask("Where does Tom live?")["items"]
    user.settle()
    assert any("Porto" in text for text, *_ in memories(user).values())
    with served.context.db.transaction(UserScope(project.project_id, user.id)) as conn:
        assert conn.execute("SELECT count(*) AS n FROM served").fetchone()["n"] > 0
