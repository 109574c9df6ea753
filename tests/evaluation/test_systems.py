"""The three systems behind one interface: BM25, a file of results, and Mneme behind a client."""

import json
from types import SimpleNamespace

import pytest

from app.domain.tokens import count_tokens
from app.errors import InvalidInputError
from app.evaluation.baseline import Bm25, pack
from app.evaluation.from_file import Results
from app.evaluation.over_http import Mneme, answer_of, batches


def event(number, content, at="2025-01-0{}T10:00:00Z", **more):
    return {
        "id": f"e{number}", "user_id": "u", "session_id": "s", "role": "user", "content": content,
        "occurred_at": at.format(number), **more,
    }  # fmt: skip


EVENTS = [
    event(1, "The boat is red."),
    event(2, "We painted the boat green, the boat is green now."),
    event(3, "Dinner was late."),
]


@pytest.fixture
def bm25():
    system = Bm25()
    system.add(EVENTS)
    system.add(EVENTS[:1])  # again
    return system


def test_bm25_ranks_turns_that_share_words(bm25):
    answer = bm25.recall("u", "What colour is the boat? Green?", limit=10)
    assert answer.ranked == ("e2", "e1")
    assert answer.held == {"e1", "e2"}
    assert answer.sufficient
    assert answer.context.splitlines()[0] == "[2025-01-01T10:00] user: The boat is red."
    assert answer.tokens == count_tokens(answer.context)
    assert [item["text"] for item in answer.items] == [EVENTS[1]["content"], EVENTS[0]["content"]]
    assert not bm25.recall("u", "Which car?", limit=10).sufficient


def test_bm25_knows_nothing_of_others_nor_of_later(bm25):
    assert bm25.recall("v", "boat", limit=10).ranked == ()
    assert bm25.recall("u", "boat", limit=10, as_of="2025-01-01T12:00:00+00:00").ranked == ("e1",)
    assert bm25.recall("u", "boat", limit=1).ranked == ("e2",)
    assert bm25.memories("u", status="active", as_of="2025-01-01T12:00:00Z") is None


def test_a_context_never_passes_its_budget():
    for budget in range(0, 60, 7):
        text, tokens, held = pack(EVENTS, budget)
        assert tokens == (count_tokens(text) if text else 0) <= budget
        assert all(e["content"] in text for e in EVENTS if e["id"] in held)
        assert len(text.splitlines()) == len(held)


def file_of(tmp_path, *lines):
    path = tmp_path / "other.jsonl"
    path.write_text("\n".join(json.dumps(line) for line in lines))
    return path


def test_a_file_answers_as_it_says(tmp_path):
    lines = [
        {"user_id": "u", "query": "q", "ranked": ["a", "b", "a"], "seconds": 0.5, "sufficient": False},
        {"user_id": "u", "query": "q", "ranked": ["c"], "max_tokens": 400, "context": "one two", "context_ids": ["c"]},
        {"user_id": "u", "query": "q", "ranked": ["d"], "as_of": "2025-01-01T00:00:00Z"},
    ]
    system = Results(file_of(tmp_path, *lines))
    system.add([])
    assert system.name == "other"
    answer = system.recall("u", "q", limit=10)
    assert (answer.ranked, answer.seconds, answer.sufficient, answer.held) == (("a", "b"), 0.5, False, frozenset())
    answer = system.recall("u", "q", limit=10, max_tokens=400)
    assert (answer.ranked, answer.tokens, answer.held) == (("c",), count_tokens("one two"), {"c"})
    assert system.recall("u", "q", limit=10, as_of="2025-01-01T00:00:00Z").ranked == ("d",)
    with pytest.raises(InvalidInputError, match="no answer of u to 'other'"):
        system.recall("u", "other", limit=10)


@pytest.mark.parametrize("line", ['{"user_id": "u"}', "[]", "{", '{"user_id": "u", "query": "q", "ranked": "a"}'])
def test_a_file_that_cannot_be_read_is_refused(tmp_path, line):
    path = tmp_path / "other.jsonl"
    path.write_text(line)
    with pytest.raises(InvalidInputError):
        Results(path)


def source(client_id):
    return {"client_id": client_id, "occurred_at": "2025-01-01T10:00:00Z"}


def test_a_context_holds_what_it_names_and_what_its_memories_cite():
    answer = {
        "items": [
            {"id": "m1", "sources": [source("e1"), source("e2")]},
            {"id": "x3", "sources": [source("e3")]},
            {"id": "m2", "sources": [source("e2"), source("e5")]},
        ],
        "context": {
            "text": "...",
            "tokens": 3,
            "sections": [{"name": "memories", "ids": ["m1"]}, {"name": "turns", "ids": ["x4", "x3", "unknown"]}],
        },
        "sufficient": True,
    }
    found = answer_of(answer, 0.1, {"x3": "e3", "x4": "e4"})
    assert found.ranked == ("e1", "e2", "e3", "e5")
    assert found.held == {"e1", "e2", "e3", "e4"}


class Api:
    """A client whose service has two pending events, then none."""

    def __init__(self):
        self.calls, self.pending = [], [[1, 2], [1], []]

    def post(self, path, body):
        self.calls.append((path, body))
        if path == "/v1/events":
            return {"items": [{"id": "x" + e["id"], "client_id": e["id"]} for e in body["events"]]}
        return {
            "items": [], "context": {"text": "", "tokens": 0, "sections": [{"ids": ["xe1"]}]}, "sufficient": False,
        }  # fmt: skip

    def items(self, path, **query):
        self.calls.append((path, query))
        return iter(self.pending.pop(0))


def test_mneme_is_asked_by_its_contract(monkeypatch):
    monkeypatch.setattr(
        "app.evaluation.over_http.time",
        SimpleNamespace(sleep=lambda _: None, monotonic=lambda: 0.0, perf_counter=lambda: 0.0),
    )
    api, told = Api(), []
    system = Mneme(api)
    system.add(EVENTS)
    system.settle("u", told.append)
    assert told == [1, 2, 3]
    answer = system.recall("u", "boat?", limit=5, max_tokens=100, as_of="2025-01-01T00:00:00Z")
    assert answer.held == {"e1"}
    assert api.calls[-1][1] == {
        "user_id": "u", "query": "boat?", "limit": 5, "max_tokens": 100, "record_usage": False,
        "as_of": "2025-01-01T00:00:00Z",
    }  # fmt: skip


def test_requests_stay_small_and_in_order():
    many = [event(n, "x" * (400_000 if n < 4 else 1), at="2025-01-01T10:00:00Z") for n in range(1, 500)]
    groups = list(batches(many))
    assert [e for group in groups for e in group] == many
    assert [len(group) for group in groups] == [2, 200, 200, 97]
