"""Further rounds of a thin recall: goals, a name that leads on, one hop along links, and what ends them."""

import time

import pytest

from app.domain import sufficiency
from app.domain.scope import UserScope
from app.index.protocol import IndexUnavailableError
from app.inference.protocol import EncoderUnavailableError
from app.services.recall_items import in_front, keeping
from app.storage import links
from tests.support.ranked import items

SMALL_TALK = (
    "The weather was grey and I stayed in all day.",
    "I watched a long film about the sea.",
    "Dinner was soup again, with too much salt.",
    "The bus was late this morning.",
    "I cleaned the kitchen and the windows.",
    "My phone battery is dying.",
)
TWO_STEPS = "Which city is my sibling in?"
TWO_GOALS = "How late was the bus and which yacht did we hire?"


def choose(user, **settings):
    """Few candidates of a short history, and no walk over links that takes the second step in the first round."""
    user.choose(**{"candidates": 10, "round_seconds": 9.0, "pagerank": 0.0} | settings)


def ask(user, query=TWO_STEPS, **options):
    return user.ask(query, **{"limit": 5, "max_tokens": 16, "include": ["trace"]} | options)


def told(answer):
    return [item["text"] for item in answer["items"]]


def rounds(answer):
    return answer["trace"]["rounds"]


def holds(answer, word):
    return any(word in text for text in told(answer))


def talked(user):
    """Sixty turns of small talk, and in three sessions what two steps lead to."""
    small = [f"{SMALL_TALK[n % 6]} Part {n}." for n in range(60)]
    user.say(*small[:30])
    user.say("My brother is called Tom.", session="s2")
    user.say("Tom builds violins in Cremona.", session="s3")
    user.say(*small[30:], session="s4")
    user.say("Our holiday was on the Puffin, a sailing vessel.", session="s5")
    user.settle()
    return user


@pytest.fixture(scope="module")
def said(lasting):
    return talked(lasting)


@pytest.fixture
def talk(said):
    choose(said)
    return said


@pytest.fixture
def never_enough(monkeypatch):
    """No answer is sufficient, whatever the weights of the judgement are."""
    monkeypatch.setattr(sufficiency, "THRESHOLD", 100.0)


def test_a_second_round_finds_what_the_first_leads_to(talk):
    choose(talk, rounds=0)
    thin = ask(talk)
    choose(talk, rounds=1)
    answer = ask(talk)
    assert thin["sufficient"] is False
    assert rounds(thin) == []
    assert not holds(thin, "Cremona")
    assert holds(answer, "Cremona")
    (one,) = rounds(answer)
    assert one["questions"] == ["Which city is my sibling in? The user's brother is called Tom."]
    assert one["new"] > 0
    assert one["milliseconds"] > 0
    assert one["ended"] in {"sufficient", "limit"}
    assert answer["trace"]["milliseconds"]["rounds"] > 0


@pytest.mark.parametrize("mode", ["auto", "deep"])
def test_what_the_first_round_found_best_stays(talk, mode):
    choose(talk, rounds=0)
    first = told(ask(talk, mode=mode))
    choose(talk)
    later = told(ask(talk, mode=mode))
    assert set(first[:3]) <= set(later)
    assert len(later) == 5


def test_each_of_two_goals_is_looked_for(talk, never_enough):
    choose(talk, rounds=0)
    thin = ask(talk, TWO_GOALS)
    choose(talk)
    answer = ask(talk, TWO_GOALS)
    assert not holds(thin, "Puffin")
    (one,) = rounds(answer)
    assert one["questions"] == ["How late was the bus?", "which yacht did we hire?"]
    assert holds(answer, "bus")
    assert holds(answer, "Puffin")


def test_fast_has_no_further_round_and_deep_has_more(talk, never_enough):
    assert rounds(ask(talk, mode="fast")) == []
    deep = ask(talk, mode="deep")
    assert 1 < len(rounds(deep)) <= 3
    assert [one["ended"] for one in rounds(deep)[:-1]] == [None] * (len(rounds(deep)) - 1)
    assert rounds(deep)[-1]["ended"] is not None
    assert deep["trace"]["rewrite"] == {"state": "not_configured", "questions": []}
    assert ask(talk)["trace"]["rewrite"] is None


def test_a_sufficient_answer_is_left_as_it_is(talk):
    question = "What does Tom build in Cremona?"
    answer = ask(talk, question)
    assert answer["sufficient"] is True
    assert rounds(answer) == []
    choose(talk, rounds=0)
    assert told(ask(talk, question)) == told(answer)


def test_all_matches_are_those_of_the_question_itself(talk):
    assert rounds(ask(talk, **{"return": "all_matches"})) == []


class Clock:
    """Each look at it takes a second."""

    now = 0.0

    def __call__(self):
        self.now += 1.0
        return self.now


@pytest.fixture
def clock(served):
    real = served.context.monotonic
    object.__setattr__(served.context, "monotonic", Clock())
    yield
    object.__setattr__(served.context, "monotonic", real)


def test_no_round_begins_once_the_time_is_up(talk, clock, never_enough):
    choose(talk, round_seconds=0.9)
    assert rounds(ask(talk)) == [{"questions": [], "links": 0, "new": 0, "milliseconds": 0.0, "ended": "time"}]
    choose(talk, round_seconds=0.6)  # four times that in mode deep: one round fits
    one, *more = rounds(ask(talk, mode="deep"))
    assert more == []
    assert one["questions"]
    assert one["ended"] == "time"


def failing(error):
    def fail(*_args, **_options):
        raise error

    return fail


def test_an_encoder_that_fails_later_keeps_the_first_answer(talk, monkeypatch):
    choose(talk, rounds=0)
    first = ask(talk)
    choose(talk)
    monkeypatch.setattr(talk.context.encoder, "encode_queries", failing(EncoderUnavailableError("down")))
    for mode in ("auto", "deep"):
        answer = ask(talk, mode=mode)
        assert rounds(answer)[-1]["ended"] == "unavailable"
        assert answer["degraded"] is False
    assert told(ask(talk)) == told(first)


def test_an_index_that_fails_later_keeps_the_first_answer(talk, monkeypatch):
    choose(talk, rounds=0)
    first = ask(talk)
    choose(talk)
    real, calls = talk.context.index.search_each, []

    def search(*args):
        calls.append(args)
        if len(calls) > 2:  # by words and by meaning
            raise IndexUnavailableError("down")
        return real(*args)

    monkeypatch.setattr(talk.context.index, "search_each", search)
    answer = ask(talk)
    assert rounds(answer)[-1]["ended"] == "unavailable"
    assert told(answer) == told(first)
    assert answer["degraded"] is False


LINK = """
INSERT INTO links (id, project_id, user_id, from_id, to_id, type, weight)
VALUES (gen_random_uuid(), %s, %s, %s, %s, 'causal', 1.0)
"""


def remember(user, text):
    body = {"user_id": user.id, "text": text, "type": "fact"}
    answer = user.http.post("/v1/memories", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def indexed(user, *texts):
    """Wait until the gateway's own thread has brought these memories into the index."""
    until = time.monotonic() + 30
    while not all(text in told(ask(user, text)) for text in texts):
        assert time.monotonic() < until
        time.sleep(0.05)


def test_one_hop_along_a_link_brings_what_shares_no_word(user, project):
    talk = talked(user)
    near = remember(talk, "My sibling lives in a small town.")
    far = remember(talk, "The ferry to the island leaves at dawn.")
    stranger = UserScope(project.project_id, f"{talk.id}-other")
    talk.settle()
    indexed(talk, "My sibling lives in a small town.", "The ferry to the island leaves at dawn.")
    question = "Which sport does the user's sibling play?"
    choose(talk, rounds=0)
    assert not holds(ask(talk, question), "ferry")
    with talk.context.db.transaction(UserScope(project.project_id, talk.id)) as conn:
        conn.execute(LINK, (project.project_id, talk.id, near, far))
    choose(talk)
    answer = ask(talk, question)
    assert holds(answer, "ferry")
    assert rounds(answer)[0]["links"] >= 1
    with talk.context.db.transaction(stranger) as conn:
        assert links.hops(conn, stranger, [near], limit=10) == []
    narrowed = ask(talk, question, filters={"kinds": ["event"]})
    assert not holds(narrowed, "ferry")


@pytest.mark.parametrize(("limit", "kept"), [(4, [5, 6, 1, 2]), (6, [5, 6, 7, 8, 1, 2])])
def test_the_lost_come_last(limit, kept):
    first = items((1, 5.0, "fact"), (2, 4.0, "fact"))
    later = items(*((n, 20.0 - n, "fact") for n in (5, 6, 7, 8)))
    made = keeping(first, later[:limit], later, limit)
    assert [item.id.int for item in made] == kept
    scores = [item.score for item in made]
    assert scores == sorted(scores, reverse=True)


def test_a_round_without_an_answer_leaves_the_order_before_it():
    first = items((1, 5.0, "fact"), (2, 4.0, "fact"))
    later = items((5, 9.0, "fact"), (2, 8.0, "fact"), (6, 7.0, "fact"), (1, 6.0, "fact"))
    made = in_front(first, later)
    assert [item.id.int for item in made] == [1, 2, 5, 6]
    scores = [item.score for item in made]
    assert scores == sorted(scores, reverse=True)
    assert in_front([], later)[0].id.int == 5
