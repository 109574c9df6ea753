"""Data sets become conversations and questions; tiny ones in their formats are written here."""

import json

import pytest

from app.errors import InvalidInputError
from app.evaluation import locomo, longmemeval, scenarios
from app.evaluation.dataset import Conversation, Question, first_questions
from app.evaluation.running import Asked
from app.evaluation.scoring import official, score_longmemeval, score_turns
from app.evaluation.systems import Answer

LOCOMO = [
    {
        "sample_id": "c-1",
        "conversation": {
            "speaker_a": "Ana",
            "speaker_b": "Ben",
            "session_2_date_time": "9:05 am on 2 June, 2023",
            "session_2": [{"speaker": "Ben", "dia_id": "D2:1", "text": "Look!", "blip_caption": "a red boat"}],
            "session_1_date_time": "1:56 pm on 8 May, 2023",
            "session_1": [
                {"speaker": "Ana", "dia_id": "D1:1", "text": "I sail."},
                {"speaker": "Ben", "dia_id": "D1:2", "text": "Nice."},
            ],
        },
        "qa": [
            {"question": "Who sails?", "answer": "Ana", "evidence": ["D1:1; D2:1", "D9:9"], "category": 4},
            {"question": "Which boat has Ana?", "evidence": ["D2:1"], "category": 5},
            {"question": "What is nowhere?", "answer": 7, "evidence": [], "category": 2},
        ],
    }
]
LONGMEMEVAL = [
    {
        "question_id": "q1",
        "question_type": "multi-session",
        "question": "How many lamps?",
        "answer": 2,
        "question_date": "2023/05/30 (Tue) 23:40",
        "haystack_session_ids": ["answer_x_2", "noise", "noise"],
        "haystack_dates": ["2023/05/20 (Sat) 02:21", "2023/05/21 (Sun) 02:00", "2023/05/01 (Mon) 10:00"],
        "haystack_sessions": [
            [
                {"role": "user", "content": "I bought a lamp.", "has_answer": True},
                {"role": "assistant", "content": "So that is two.", "has_answer": True},
                {"role": "user", "content": "Right.", "has_answer": False},
            ],
            [{"role": "user", "content": "Hello."}, {"role": "assistant", "content": " "}],
            [{"role": "user", "content": "Early."}],
        ],
        "answer_session_ids": ["answer_x_2"],
    }
]


def written(tmp_path, value):
    path = tmp_path / "data.json"
    path.write_text(json.dumps(value))
    return path


def answered(*ranked, sufficient=True, context=""):
    return Answer(ranked, context, 10, frozenset(), 0.02, sufficient)


def test_locomo_turns_become_events(tmp_path):
    (conversation,) = locomo.read(written(tmp_path, LOCOMO), "~1")
    assert conversation.user_id == "c-1~1"
    first, second, third = conversation.events
    assert [e["id"] for e in conversation.events] == ["c-1:D1:1~1", "c-1:D1:2~1", "c-1:D2:1~1"]
    assert (first["role"], second["role"]) == ("user", "assistant")
    assert first["occurred_at"] == "2023-05-08T13:56:00+00:00"
    assert second["occurred_at"] == "2023-05-08T13:56:20+00:00"
    assert third["content"] == "Look! [shares an image: a red boat]"
    assert third["session_id"] == "session_2"


def test_locomo_questions_know_their_evidence(tmp_path):
    (conversation,) = locomo.read(written(tmp_path, LOCOMO))
    single, adversarial, without = conversation.questions
    assert single.gold == {"c-1:D1:1", "c-1:D2:1"}
    assert single.category == "single-hop"
    assert not adversarial.answerable
    assert not without.gold
    rows = score_turns(
        [
            Asked(conversation, single, answered("c-1:D1:2", "c-1:D2:1", context="It was ana")),
            Asked(conversation, adversarial, answered("c-1:D2:1", sufficient=False)),
            Asked(conversation, without, answered("c-1:D2:1")),
        ]
    )
    (category, row), (overall, same), (refused, other) = rows
    assert (category, overall, refused) == ("single-hop", "overall", "adversarial")
    assert row == same
    assert (row["recall@5"], row["hit@10"], row["mrr"], row["in context"]) == (0.5, 0.0, 0.5, 1.0)
    assert (row["tokens"], row["ms"]) == (10.0, 20.0)
    assert other["refused"] == 1.0


def test_longmemeval_keeps_every_turn_in_order_of_time(tmp_path):
    (conversation,) = longmemeval.read(written(tmp_path, LONGMEMEVAL))
    assert [e["id"] for e in conversation.events] == [
        "noise:1", "answer_x_2:1", "answer_x_2:2", "answer_x_2:3", "noise~2:1",
    ]  # fmt: skip
    (question,) = conversation.questions
    assert question.gold == {"answer_x_2:1", "answer_x_2:2"}
    assert question.as_of == "2023-05-30T23:40:00+00:00"
    assert question.answer == "2"
    (short,) = longmemeval.read(written(tmp_path, LONGMEMEVAL), user_turns_only=True)
    assert {e["role"] for e in short.events} == {"user"}


def test_longmemeval_counts_user_turns_and_their_sessions():
    session_of = {"s1:1": "s1", "s1:3": "s1", "s2:1": "s2", "s3:1": "s3"}
    values = official(["s1:2", "s1:3", "s2:1", "s1:1", "s3:1"], {"s1:1", "s3:1", "s1:2"}, session_of)
    assert values["turn recall_any@5"] == values["turn recall_all@5"] == 1.0
    assert values["session recall_all@5"] == 1.0
    assert values["session ndcg@5"] == pytest.approx((1 + 1 / 1.584962500721156) / 2)  # sessions s1, s2, s3


def test_longmemeval_leaves_abstention_and_assistant_evidence_out(tmp_path):
    (conversation,) = longmemeval.read(written(tmp_path, LONGMEMEVAL))
    (question,) = conversation.questions
    (group, row), _ = score_longmemeval([Asked(conversation, question, answered("answer_x_2:1"))])
    assert group == "multi-session"
    assert row["turn recall_all@5"] == row["session ndcg@10"] == 1.0
    assert row["all turns recall@5"] == 0.5
    only_assistant = Question("q1", "?", "single-session-assistant", frozenset({"answer_x_2:2"}))
    (_, row), _ = score_longmemeval([Asked(conversation, only_assistant, answered("answer_x_2:2"))])
    assert "turn recall_all@5" not in row
    assert row["all turns recall@5"] == 1.0
    (absent,) = longmemeval.read(written(tmp_path, [LONGMEMEVAL[0] | {"question_id": "q1_abs"}]))
    ((group, row),) = score_longmemeval([Asked(absent, absent.questions[0], answered())])
    assert (group, row["refused"]) == ("abstention", 0.0)


@pytest.mark.parametrize("read", [locomo.read, longmemeval.read, scenarios.read])
@pytest.mark.parametrize("text", ["[{}]", "{", "3", '{"id": 1}'])
def test_other_files_are_refused(read, text, tmp_path):
    path = tmp_path / "data.json"
    path.write_text(text)
    with pytest.raises(InvalidInputError, match=r"data\.json"):
        read(path)


def test_questions_are_taken_evenly():
    conversations = [Conversation(u, [], [Question(u, f"{u}{n}", "c") for n in range(4)]) for u in "ab"]
    few = first_questions(conversations, 2)
    assert [q.text for c in few for q in c.questions] == ["a0", "b0"]
    assert [c.user_id for c in first_questions(conversations, 1)] == ["a"]
    assert first_questions(conversations, None) is conversations
    assert sum(len(c.questions) for c in first_questions(conversations, 99)) == 8
