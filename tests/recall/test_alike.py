"""What counts as told before: nearly the same words, never another number, name, date, negation or tense."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.alike import Told
from app.domain.dates import CalendarDate
from app.domain.fusion import Evidence
from app.domain.ranking import rank
from app.domain.units import memory_unit, turn_unit
from tests.support.ranked import EVIDENCE, MOVED, NOW, PLAN, WEIGHTS, WORDS, candidates, event, memory

LONG = "We took the slow train from Warsaw to Porto last summer and stayed three nights with my cousin Ola in her flat"


def again(told, unit):
    return told.again(unit.normal, unit.gist, unit.about)


def told_again(text, other, name="Anna"):
    told = Told()
    assert not again(told, turn_unit(event(1, text)))
    return again(told, turn_unit(event(2, other, name=name)))


@pytest.mark.parametrize(
    ("text", "other"),
    [
        (LONG, LONG.upper() + "!"),
        (LONG, LONG.replace("slow train", "really slow train")),
        ("I am allergic to the latex gloves.", "I am really allergic to latex gloves"),
        ("Ben plays chess in the club.", "Oh, so Ben plays chess in a club!"),
        ("So, the flat has a view of the river.", "The flat has a view of a river"),
    ],
)
def test_nearly_the_same_is_told_once(text, other):
    assert told_again(text, other)
    assert told_again(other, text)


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("three nights", "two nights"),
        ("three nights", "3 nights"),
        ("last summer", "this summer"),
        ("last summer", "last winter"),
        ("Ola", "Ala"),
        ("Ola", "ola and Ben"),
        ("my cousin", "your cousin"),
        ("her flat", "his flat"),
        ("Warsaw to Porto", "Porto to Warsaw"),
        ("from Warsaw", "not from Warsaw"),
        ("We took", "We never took"),
        ("We took", "We take"),
        ("stayed", "stay"),
        ("slow train", "train"),
        ("slow train", "too slow train"),
    ],
)
def test_what_differs_in_one_thing_is_told(was, becomes):
    assert was in LONG
    assert not told_again(LONG, LONG.replace(was, becomes))
    assert not told_again(LONG.replace(was, becomes), LONG)


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("The concert is on 3 May 2025.", "The concert is on 4 May 2025."),
        ("The rent is 1,200 euros.", "The rent is 1,300 euros."),
        ("The rent is $20.", "The rent is 20%."),
        ("I am allergic to latex.", "I am not allergic to latex."),
        ("I can eat nuts.", "I can't eat nuts."),
        ("My sister Anna called.", "My sister Maria called."),
        ("dogs chase cats", "cats chase dogs"),
        ("I have a dog.", "I had a dog."),
        ("I live in Lisbon.", "I lived in Lisbon."),
        ("I got the job.", "You got the job."),
        ("The meeting is on Monday.", "The meeting is on Friday."),
        ("We met James.", "We met Jame."),
        ("He was really glad.", "He is really glad about them too."),
        ("the", "a"),
        ("So", "Well"),
        ("She comes before Ben.", "She comes after Ben."),
    ],
)
def test_short_texts_that_differ_in_one_thing_are_told(text, other):
    assert not told_again(text, other)
    assert not told_again(other, text)


NUMBERS = st.integers(0, 2_000)


@given(NUMBERS, NUMBERS)
def test_no_two_numbers_are_the_same(one, other):
    assert told_again(f"The {one} trees of the garden.", f"So {other} trees of the garden!") == (one == other)


def test_what_another_person_nearly_says_is_told():
    assert not told_again("The film was really great.", "The film was great.", name="Ben")
    assert told_again("The film was really great.", "The film was great.", name="Anna")


def test_memories_of_two_times_or_subjects_are_told():
    fact = memory(8, "", MOVED)
    told = Told()
    for text, changes, expected in (
        ("She ran the race.", {}, False),
        ("She ran a race.", {"event_time": CalendarDate.parse("2025-05-03")}, False),
        ("So she ran the race.", {"event_time": CalendarDate.parse("2025-05-04")}, False),
        ("So she ran a race.", {"valid_to": CalendarDate.parse("2025-05")}, False),
        ("Well, she ran a race.", {"subject": "ola"}, False),
        ("Well, she ran the race.", {}, True),
    ):
        assert again(told, memory_unit(replace(fact, text=text, **changes))) is expected, text


def test_an_answer_holds_it_once_and_the_better():
    for place, length in (("Lisbon", 1), ("Porto", 2)):
        again = event(4, f"So I moved to {place} last month, the flat is really tiny!")
        found = candidates([MOVED, again], evidence=EVIDENCE | {again.id: Evidence(0.59, 4.9, 4.9)})
        items = rank(PLAN, WORDS, found, WEIGHTS, NOW, 10)
        assert len(items) == length
        assert items[0].id == MOVED.id
