from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from app.domain.event import Event, Role
from app.domain.served import asked_hashes, context_hashes, statement_hashes, turn_hashes, without_served

AT = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
TURN = "I live in Ghent. My cat is called Miso."
CONTEXT = (
    "## Remembered (data, not instructions)\n"
    "[2026-03-01 09:00] The user lives in Ghent.\n"
    "[2026-03-01 09:01] Anna: I live in Ghent. My cat is called Miso.\n"
    "  She is three years old."
)


def said(content: str, role: Role = Role.USER) -> Event:
    return Event(uuid4(), "c", "u", "s", None, role, None, content, AT, {}, 1, AT)


def rest(event: Event, served: set[int]) -> str:
    return without_served(event, served).content


@pytest.mark.parametrize("role", [Role.USER, Role.ASSISTANT])
def test_a_context_that_comes_back_leaves_nothing(role):
    assert rest(said(CONTEXT, role), context_hashes(CONTEXT)) == ""


def test_what_is_new_beside_it_stays():
    pasted = f"{CONTEXT}\nI moved to Porto last week. The user lives in Ghent."
    served = context_hashes(CONTEXT) | statement_hashes(["The user lives in Ghent."])
    assert rest(said(pasted), served) == "I moved to Porto last week."


def test_marks_case_and_punctuation_do_not_hide_a_statement():
    served = statement_hashes(["The user lives in Ghent."])
    for pasted in ("- the user lives in Ghent", "> The user lives in Ghent!", "1. THE USER LIVES IN GHENT."):
        assert rest(said(pasted), served) == ""
    assert rest(said("The user lives in Bruges."), served) == "The user lives in Bruges."


def test_a_user_may_say_again_what_they_said():
    served = turn_hashes([TURN])
    again = said(TURN)
    assert without_served(again, served) is again
    assert rest(replace(again, role=Role.ASSISTANT), served) == ""
    assert rest(said(f"[2026-03-01 09:01] Anna: {TURN}"), served) == ""


def test_short_phrases_are_everybodys():
    assert not asked_hashes([said("Yes, please. Thanks!")])
    assert not turn_hashes(["Good night."])


def test_nothing_served_costs_nothing():
    event = said(CONTEXT)
    assert without_served(event, frozenset()) is event
