"""A birthday that was told makes words around it days; from a view that does not hold it, it tells nothing."""

TEXT = "What did I do the week before my birthday?"
AT = {"occurred_at": "2025-03-01T10:00:00Z"}


def times(answer):
    return [[at[:10] for at in span] for span in answer["trace"]["plan"]["times"]]


def test_a_known_birthday_becomes_a_range(user):
    user.say("My birthday is on 3 May.", **AT)
    user.say({"id": "kiln", "content": "Built a kiln.", "occurred_at": "2025-04-28T10:00:00Z"}, session="s2")
    user.settle()
    asked = {"include": ["trace"], "as_of": "2025-06-20T10:00:00Z"}
    assert times(user.ask(TEXT, **asked)) == [["2025-04-24", "2025-05-05"]]
    now = user.ask(TEXT, include=["trace"])
    assert len(times(now)) == 1
    assert times(user.ask(TEXT, include=["trace"])) == times(now), "from what was read already"
    for narrower in (
        {"as_of": "2025-02-01T10:00:00Z"},
        {"filters": {"session_id": "s2"}},
        {"known_at": "2026-01-01T00:00:00Z"},
    ):
        assert times(user.ask(TEXT, include=["trace"], **narrower)) == []


def test_a_birthday_that_is_taken_back_is_not_known(user):
    user.say("My birthday is on 3 May.", **AT)
    user.settle()
    (memory,) = [
        item["id"]
        for item in user.http.get("/v1/memories", params={"user_id": user.id}).json()["items"]
        if "birthday" in item["text"]
    ]
    assert user.http.delete(f"/v1/memories/{memory}").status_code == 204
    assert times(user.ask(TEXT, include=["trace"])) == []
