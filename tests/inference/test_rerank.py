"""The remote reranker against a local endpoint, and the bounds within which any reranker is asked."""

import json
import threading
import time
from typing import Any

import pytest

from app.errors import MnemeError
from app.inference.rerank import BoundedReranker, RerankerUnavailableError
from app.inference.rerank_remote import RemoteReranker, RerankEndpoint
from app.inference.select import load_reranker
from app.settings import Settings
from tests.support.scripted_endpoint import endpoints, late, raw, status
from tests.support.scripted_reranker import ScriptedReranker, backwards, failing

TEXTS = ["a", "bbb", "cc"]
LENGTHS = [1.0, 3.0, 2.0]


def good(body: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    """The best first, as servers answer; in the form that was asked for."""
    named = "model" in body
    texts = body["documents" if named else "texts"]
    order = sorted(range(len(texts)), key=lambda place: -len(texts[place]))
    score = "relevance_score" if named else "score"
    found = [{"index": place, score: float(len(texts[place])), "document": {"text": texts[place]}} for place in order]
    return 200, {}, json.dumps({"results": found, "usage": {}} if named else found).encode()


slow = late(good, 0.5)


@pytest.fixture
def endpoint():
    with endpoints(good) as running:
        yield running


@pytest.fixture
def remote(endpoint):
    reranker = RemoteReranker(RerankEndpoint(endpoint.url, "judge", "sekret", timeout=0.3))
    yield reranker
    reranker.close()


def test_scores_in_the_order_of_the_texts(remote, endpoint):
    assert remote.score("how long?", TEXTS) == LENGTHS
    assert endpoint.bodies == [{"model": "judge", "query": "how long?", "documents": TEXTS, "top_n": 3}]
    assert endpoint.headers[0]["authorization"] == "Bearer sekret"
    assert endpoint.paths == ["/v1/rerank"]


def test_without_a_model_in_the_other_form(endpoint):
    reranker = RemoteReranker(RerankEndpoint(f"{endpoint.url}/rerank"))
    assert reranker.score("how long?", TEXTS) == LENGTHS
    assert endpoint.bodies == [{"query": "how long?", "texts": TEXTS}]
    assert "authorization" not in endpoint.headers[0]
    assert endpoint.paths == ["/v1/rerank"]
    reranker.close()


def test_nothing_is_asked_for_nothing_and_no_text_is_endless_or_empty(remote, endpoint):
    assert remote.score("q", []) == []
    assert endpoint.bodies == []
    remote.score("q", ["", "x" * 9_000])
    assert [len(text) for text in endpoint.bodies[0]["documents"]] == [1, 2_000]


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (status(500), "status_500"),
        (status(401), "status_401"),
        (status(429, retry_after="7"), "status_429"),
        (slow, "timeout"),
        (raw(b"<html>busy</html>"), "malformed"),
        (raw(b'{"results": []}'), "malformed"),
        (raw(b'{"results": [{"index": 0, "relevance_score": 1}]}'), "malformed"),
        (raw(b'{"results": [' + b", ".join([b'{"index": 0, "relevance_score": 1}'] * 3) + b"]}"), "malformed"),
        (raw(b'[{"index": 0, "score": 1}, {"index": 1, "score": 1}, {"index": 3, "score": 1}]'), "malformed"),
        (raw(b'[{"index": 0, "score": 1}, {"index": 1, "score": 1}, {"index": 2}]'), "malformed"),
        (raw(b'[{"index": 0, "score": 1}, {"index": 1, "score": 1}, {"index": 2, "score": 1e999}]'), "malformed"),
        (raw(b"[" + b" " * 600_000 + b"]"), "too_large"),
    ],
)
def test_what_is_no_answer_has_its_kind(remote, endpoint, reply, kind):
    endpoint.script = [reply]
    with pytest.raises(RerankerUnavailableError) as refused:
        remote.score("q", TEXTS)
    assert refused.value.kind == kind
    assert refused.value.pause == (7.0 if kind == "status_429" else 0.0)
    assert len(endpoint.bodies) == 1


def test_an_unreachable_endpoint():
    reranker = RemoteReranker(RerankEndpoint("http://127.0.0.1:1"))
    with pytest.raises(RerankerUnavailableError, match="unreachable"):
        reranker.score("q", TEXTS)
    reranker.close()


class Waiting(ScriptedReranker):
    """Answers once it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.let = threading.Event()

    def score(self, question, texts):
        self.let.wait(10)
        return super().score(question, texts)


def test_a_late_one_is_not_waited_for_and_holds_its_place():
    waiting = Waiting()
    bounded = BoundedReranker(waiting, at_once=1)
    began = time.monotonic()
    with pytest.raises(RerankerUnavailableError, match="late"):
        bounded.score("q", TEXTS, seconds=0.05)
    assert time.monotonic() - began < 1
    with pytest.raises(RerankerUnavailableError, match="busy"):
        bounded.score("q", TEXTS, seconds=0.05)
    waiting.let.set()
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            assert bounded.score("q", TEXTS, seconds=1) == [0.0, 1.0, 2.0]
            break
        except RerankerUnavailableError:
            time.sleep(0.01)
    assert len(waiting.asked) == 2
    bounded.close()
    assert waiting.closed


def test_after_several_failures_it_rests_and_comes_back():
    now = [0.0]
    scripted = ScriptedReranker(failing)
    bounded = BoundedReranker(scripted, monotonic=lambda: now[0])
    for _ in range(4):
        with pytest.raises(RerankerUnavailableError, match="unreachable"):
            bounded.score("q", TEXTS, seconds=1)
    with pytest.raises(RerankerUnavailableError, match="resting"):
        bounded.score("q", TEXTS, seconds=1)
    assert len(scripted.asked) == 4
    now[0], scripted.script = 11.0, backwards
    assert bounded.score("q", TEXTS, seconds=1) == [0.0, 1.0, 2.0]
    bounded.close()


def test_settings_choose_it(endpoint):
    assert load_reranker(Settings()) is None
    bounded = load_reranker(Settings(mneme_rerank_url=endpoint.url, mneme_rerank_model="judge"))
    assert bounded.score("q", TEXTS, seconds=5) == LENGTHS
    bounded.close()
    with pytest.raises(MnemeError, match="MNEME_RERANK_URL"):
        load_reranker(Settings(mneme_rerank_url="nowhere"))
