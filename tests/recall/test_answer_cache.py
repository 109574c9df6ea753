"""Exact repeats come from the cache; a write, another question or another option never does. What is encoded when."""

import threading

import pytest

from app.answer_cache import PAUSE_SECONDS, NoAnswers, RedisAnswers


class Shelf:
    """A cache in memory that counts. An answer is put there after it went out: `filled` waits for that."""

    def __init__(self):
        self.kept, self.hits, self.misses = {}, 0, 0
        self._put = threading.Condition()

    def filled(self, answers=1):
        with self._put:
            assert self._put.wait_for(lambda: len(self.kept) >= answers, timeout=10)

    def get(self, key):
        found = self.kept.get(key)
        self.hits += found is not None
        self.misses += found is None
        return found

    def put(self, key, value, *, seconds=60):
        with self._put:
            self.kept[key] = value
            self._put.notify_all()

    def close(self):
        pass


@pytest.fixture
def shelf(served):
    kept, before = Shelf(), served.context.answers
    object.__setattr__(served.context, "answers", kept)  # the context is frozen, and its gateway runs already
    yield kept
    object.__setattr__(served.context, "answers", before)


def test_a_repeat_is_the_same_answer(user, shelf):
    user.say("I live in Porto.", "My dog is called Rex.")
    user.settle()
    first = user.ask("Where do I live?")
    assert (shelf.hits, shelf.misses) == (0, 1)
    shelf.filled()
    assert user.ask("Where do I  live?") == first, "white space is no difference"
    assert shelf.hits == 1


def test_what_lies_in_redis_says_nothing(user, shelf):
    user.say("I live in Porto, next to Bazyl.")
    user.settle()
    user.ask("Where do I live?")
    shelf.filled()
    ((name, value),) = shelf.kept.items()
    for word in (b"Porto", b"Bazyl", b"live", user.id.encode()):
        assert word not in name.encode() + value


def test_a_write_is_seen_at_once(user, shelf):
    user.say("I live in Porto.")
    user.settle()
    user.ask("Where do I live?")
    shelf.filled()
    user.say("I moved to Ghent.")
    answer = user.ask("Where do I live?")
    assert "Ghent" in str(answer["items"])
    assert shelf.hits == 0
    shelf.filled(2)
    user.settle()
    assert "Ghent" in user.ask("Where do I live?")["items"][0]["text"], "what no longer holds stands behind"
    assert shelf.hits == 0


def test_a_deletion_is_seen_at_once(user, shelf):
    user.say("I live in Porto.")
    user.settle()
    assert user.ask("Where do I live?")["items"]
    shelf.filled()
    (session,) = user.http.get("/v1/sessions", params={"user_id": user.id}).json()["items"]
    path = f"/v1/sessions/{session['session_id']}"
    assert user.http.delete(path, params={"user_id": user.id}).status_code == 204
    assert user.ask("Where do I live?")["items"] == []


def test_days_and_options_are_apart(user, shelf):
    user.say("I saw a whale on 3 May 2025.", "I saw a seal on 4 May 2025.")
    user.settle()
    user.ask("What did I see on 3 May 2025?")
    shelf.filled()
    user.ask("What did I see on 4 May 2025?")
    shelf.filled(2)
    user.ask("What did I see on 4 May 2025?", limit=3)
    user.ask("What did I see on 4 May 2025?", as_of="2025-05-05T00:00:00Z")
    assert shelf.hits == 0


def test_off_is_off_and_a_trace_is_made_anew(user, shelf):
    user.say("I live in Porto.")
    for _ in range(2):
        user.ask("Where do I live?", cache="off")
        user.ask("Where do I live?", include=["trace"])
    assert (shelf.hits, shelf.misses) == (0, 0)


def test_a_question_is_encoded_once_and_as_it_must_be_read(user, monkeypatch):
    user.say({"content": "I bought a violin.", "name": "Chloe"}, {"content": "Chloe sold me a boat.", "name": "Ben"})
    user.settle()
    asked = []
    encode = user.context.encoder.encode_query
    monkeypatch.setattr(user.context.encoder, "encode_query", lambda text: asked.append(text) or encode(text))
    first = user.ask("What did Chloe buy?", cache="off", record_usage=False)
    assert asked == ["What did Chloe buy?", "What did I buy?"]  # nothing was known of the user when it began
    assert user.ask("What did Chloe buy?", cache="off", record_usage=False) == first
    assert asked[2:] == ["What did I buy?"]


def test_nothing_is_encoded_for_an_answer_that_is_there(user, shelf, monkeypatch):
    user.say("I play the cello.")
    user.settle()
    asked = []
    encode = user.context.encoder.encode_query
    monkeypatch.setattr(user.context.encoder, "encode_query", lambda text: asked.append(text) or encode(text))
    first = user.ask("What do I play?", record_usage=False)
    shelf.filled()
    assert user.ask("What do I play?", record_usage=False) == first
    assert asked == ["What do I play?"]
    user.ask("What do I play?", record_usage=False, cache="off")
    assert len(asked) == 2


def test_a_broken_redis_is_left_alone_for_a_moment():
    now = [0.0]
    answers = RedisAnswers("redis://127.0.0.1:1/0", lambda: now[0])
    assert answers.get("k") is None
    answers.put("k", b"v")
    assert answers._retry_at == PAUSE_SECONDS
    now[0] = PAUSE_SECONDS + 1
    answers.put("k", b"v")
    assert answers._retry_at == now[0] + PAUSE_SECONDS
    answers.close()
    assert NoAnswers().get("k") is None
