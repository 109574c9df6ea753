"""`agent_id` of a recall: the tail of the session in which the agent spoke last, and no filter."""


def tail_of(answer):
    return [id_ for part in answer["context"]["sections"] if part["name"] == "session_tail" for id_ in part["ids"]]


def test_an_agent_adds_the_session_in_which_it_spoke_last(user):
    user.say({"content": "I cook for six.", "occurred_at": "2025-02-01T10:00:00Z"}, session="old", agent_id="chef")
    (soup,) = user.say(
        {"content": "I like soup.", "occurred_at": "2025-02-02T10:00:00Z"}, session="new", agent_id="chef"
    )
    (bike,) = user.say(
        {"content": "My bike is red.", "occurred_at": "2025-02-03T10:00:00Z"}, session="road", agent_id="coach"
    )
    question = "What do I own?"
    answer = user.ask(question, agent_id="chef")
    assert tail_of(answer) == [soup]
    assert any("bike" in text for text in (item["text"] for item in answer["items"])), "it filters nothing"
    assert tail_of(user.ask(question, agent_id="chef", session_id="road")) == [bike]
    assert tail_of(user.ask(question, agent_id="nobody")) == tail_of(user.ask(question)) == []
    assert tail_of(user.ask(question, agent_id="chef", as_of="2025-02-01T12:00:00Z")) != [soup]
