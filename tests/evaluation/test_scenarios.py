"""The rules of scenarios, on one that is written here and a system that says what the test wants."""

import json

import pytest

from app.evaluation import scenarios
from app.evaluation.report import summarise
from app.evaluation.running import ask, feed
from app.evaluation.systems import Answer

SCENARIO = {
    "id": "t1",
    "kind": "update",
    "user_id": "u",
    "now": "2025-03-01T10:00:00+01:00",
    "events": [
        {"id": "e1", "session_id": "s", "role": "user", "content": "a", "occurred_at": "2025-01-01T10:00:00+01:00"},
        {"id": "e2", "session_id": "s", "role": "user", "content": "b", "occurred_at": "2025-03-01T10:00:00+01:00"},
    ],
    "expect": {
        "active": [{"must": [["lives in"], ["porto", "oporto"]]}, {"must": [["dog"]], "expired_ok": True}],
        "inactive": [{"must": [["warsaw"]], "unless": ["moved from"]}],
        "never": [{"must": [["cat"]]}],
    },
    "recall": [
        {"query": "Where now?", "must": [["porto"]], "evidence": ["e2"]},
        {"query": "Where then?", "must": [["warsaw"]], "evidence": ["e1"], "as_of": "2025-02-01T10:00:00Z"},
        {"query": "Both?", "must": [["porto"], ["warsaw"]], "evidence": ["e1", "e2"], "multi": True},
        {"query": "Which car?", "answerable": False},
    ],
}


def item(text, event, at, kind="memory"):
    return {"kind": kind, "text": text, "occurred_at": at, "sources": [{"client_id": event, "occurred_at": at}]}


NEW = item("Anna lives in Oporto.", "e2~9", "2025-03-01T10:00:00+01:00")
OLD = item("Anna lives in Warsaw.", "e1~9", "2025-01-01T10:00:00+01:00")


class Scripted:
    """Answers every question with the same items, and remembers what it is told to."""

    name = "scripted"

    def __init__(self, items, active, stored, *, sufficient=True):
        self.items, self.active, self.stored, self.sufficient = items, active, stored, sufficient
        self.added, self.asked = [], []

    def add(self, events):
        self.added += events

    def settle(self, user_id, advance):
        advance(len(self.added))

    def recall(self, user_id, query, *, limit, max_tokens=1000, as_of=None):
        self.asked.append((user_id, query, as_of))
        return Answer((), "", 5, frozenset(), 0.001, self.sufficient, tuple(self.items))

    def memories(self, user_id, *, status, as_of):
        return {"active": self.active, "any": self.stored}[status]


@pytest.fixture
def cases(tmp_path):
    path = tmp_path / "scenarios.jsonl"
    path.write_text(json.dumps(SCENARIO) + "\n\n")
    return scenarios.read(path, "~9")


def judged(system, cases):
    conversations = [case.conversation for case in cases]
    feed(system, conversations)
    return summarise(scenarios.judge(system, cases, ask(system, conversations, limit=20)))[0]["overall"]


def test_ids_are_those_of_the_run_and_questions_are_asked_at_their_time(cases):
    system = Scripted([], [], [])
    judged(system, cases)
    assert [(e["id"], e["user_id"]) for e in system.added] == [("e1~9", "u~9"), ("e2~9", "u~9")]
    assert [as_of for _, _, as_of in system.asked] == [SCENARIO["now"], "2025-02-01T10:00:00Z", *[SCENARIO["now"]] * 2]


def test_a_good_memory(cases):
    dog = item("Anna's dog is called Rex.", "e1~9", "2025-01-01T10:00:00+01:00")
    figures = judged(Scripted([NEW, OLD], [NEW], [NEW, dog]), cases)
    assert figures["extracted"] == 1.0, "the dog is remembered, if no longer active"
    assert (
        figures["superseded"] == figures["not_invented"] == figures["self_contained"] == figures["within_size"] == 1.0
    )
    assert figures["memories_per_statement"] == 0.5
    assert figures["recalled"] == 1.0
    assert figures["recalled_as_of"] == 0.0, "an item of March cannot be known in February"
    assert figures["evidence@top"] == 1.0
    assert figures["stale@3"] == 1.0, "Warsaw is told as if it were so"
    assert (figures["abstained"], figures["not_refused"]) == (0.0, 1.0)


def test_a_bad_memory(cases):
    loose = item("I have a cat today", "e1~9", "2025-01-01T10:00:00+01:00")
    figures = judged(Scripted([OLD], [OLD, loose], [OLD, loose], sufficient=False), cases)
    assert figures["extracted"] == figures["superseded"] == figures["not_invented"] == 0.0
    assert figures["self_contained"] == 0.5
    assert figures["recalled"] == 0.0
    assert figures["recalled_as_of"] == 1.0
    assert figures["evidence@top"] == pytest.approx(1 / 3)
    assert (figures["abstained"], figures["not_refused"]) == (1.0, 0.0)


def test_a_system_without_statements_is_judged_by_its_answers(cases):
    figures = judged(Scripted([NEW], None, None), cases)
    assert "extracted" not in figures
    assert figures["recalled"] == 0.5


def test_texts_match_by_groups():
    entry = {"must": [["Porto", "Oporto"], ["live"]], "must_not": ["Lisbon"], "unless": ["moved from"]}
    assert scenarios.matches("She LIVES in oporto", entry)
    assert not scenarios.matches("She lives in Braga", entry)
    assert not scenarios.matches("She lives in Porto, not in Lisbon", entry)
    assert not scenarios.matches("She moved from Porto, where her parents live", entry)


@pytest.mark.parametrize(
    ("text", "alone"),
    [
        ("Anna moved to Lisbon in May 2025.", True),
        ('Anna said "I love my job".', True),
        ("I moved to Lisbon.", False),
        ("Anna moved last week.", False),
        ("Anna moved two years ago.", False),
        ("x" * 241, False),
    ],
)
def test_statements_that_stand_alone(text, alone):
    assert scenarios.stands_alone(text) is alone
