"""How a question is read: names handled apart, times as boosts."""

from datetime import UTC, datetime

import pytest

from app.domain.asking import Wanted
from app.domain.query import understand

NOW = datetime(2025, 6, 20, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "dense", "speakers"),
    [
        ("When did Melanie paint a sunrise?", "When did I paint a sunrise?", ("Melanie",)),
        ("What are Melanie's hobbies?", "What are my hobbies?", ("Melanie",)),
        ("what are melanie\u2019s kids called", "what are my kids called", ("Melanie",)),
        ("Did Melanie Smith call?", "Did I call?", ("Melanie Smith",)),
        ("Did Melanies call?", "Did Melanies call?", ()),
        ("Where will she go?", "Where will she go?", ()),
        ("Did Will go?", "Did I go?", ("Will",)),
    ],
)
def test_a_speakers_name_becomes_the_first_person(text, dense, speakers):
    known = {"Melanie Smith"} if "Smith" in text else {"Melanie", "Will"}
    plan = understand(text, known, NOW)
    assert plan.dense == dense
    assert plan.speakers == speakers


def test_words_leave_out_the_speaker_but_never_everything():
    assert "Melanie" not in understand("What does Melanie like?", {"Melanie"}, NOW).lexical
    assert understand("Melanie?", {"Melanie"}, NOW).lexical == "Melanie?"


def test_other_names_are_kept_as_names():
    assert understand("Did I tell you about Bazyl in May?", {"Melanie"}, NOW).names == ("Bazyl",)


def test_times_become_ranges_with_two_days_of_slack():
    ((start, end),) = understand("What did I do on 3 May 2025?", (), NOW).spans
    assert start == datetime(2025, 5, 1, tzinfo=UTC)
    assert end == datetime(2025, 5, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("question", "past"),
    [
        ("What is my favourite colour?", False),
        ("What is my dog called?", False),
        ("What's my dog called?", False),
        ("Which gym am I registered at?", False),
        ("What do I take before bed?", False),
        ("What was my dog called?", True),
        ("Where did I live before?", True),
        ("Who is my former boss?", True),
        ("Where did I use to live?", True),
        ("Which books have I read?", True),
    ],
)
def test_what_holds_is_told_from_what_was(question, past):
    assert understand(question, (), NOW).past is past


def test_rules_over_english_words_leave_out_another_language():
    plan = understand(
        "Qu'est-ce que Melanie aime maintenant, et qui a dit \u00e7a ? Now you can list all her hobbies",
        {"Melanie"},
        NOW,
    )
    assert plan.language == "und", "two languages are none"
    plan = understand("Was hat mir Melanie empfohlen, jetzt und when?", {"Melanie"}, NOW)
    assert (plan.language, plan.dense) == ("de", "Was hat mir Melanie empfohlen, jetzt und when?")
    assert (plan.wanted, plan.latest, plan.past, plan.of_assistant) == (Wanted.FACT, False, False, False)
    assert plan.speakers == ("Melanie",)
    assert "Melanie" not in plan.lexical


def test_what_cannot_be_told_is_read_as_english():
    plan = understand("Melanie latest", {"Melanie"}, NOW)
    assert (plan.language, plan.dense, plan.latest) == ("und", "I latest", True)


@pytest.mark.parametrize("text", ["", " ", "?", "\u2028", "'s", "I", "Melanie's", "a" * 8_192, "\U0001f600"])
def test_odd_questions_are_read_without_error(text):
    understand(text, {"Melanie", "", " ", "I"}, NOW)
