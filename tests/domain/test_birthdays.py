"""Words around a birthday that is known become days, in the year that the tense means."""

from datetime import UTC, datetime

import pytest

from app.domain.birthdays import Birthday, birthday_of, resolve
from app.domain.dates import CalendarDate

NOW = datetime(2025, 6, 20, 12, 0, tzinfo=UTC)  # a Friday
SAID = datetime(2024, 1, 1, tzinfo=UTC)
MINE = Birthday("user", 5, 3, SAID)  # 3 May 2025 is a Saturday
ANNA = Birthday("user sister anna", 8, 12, SAID)  # 12 August 2025 is a Tuesday
BEN = Birthday("ben", 2, 29, SAID)
KNOWN = (MINE, ANNA, BEN)

RESOLVED = [
    ("What did I do on my birthday?", "2025-05-03", None),
    ("What did I get for my birthday?", "2025-05-03", None),
    ("Who came to the user's birthday?", "2025-05-03", None),
    ("What did I do on my birthday last year?", "2024-05-03", None),
    ("What did I do on my birthday in 2022?", "2022-05-03", None),
    ("What did we do on my last birthday?", "2025-05-03", None),
    ("Where was I last birthday?", "2025-05-03", None),
    ("What will I do on my birthday?", "2026-05-03", None),
    ("What do I plan for my next birthday?", "2026-05-03", None),
    ("What did I do the day after my birthday?", "2025-05-04", None),
    ("What did I do the night before my birthday?", "2025-05-02", None),
    ("Where did I go two days before my birthday?", "2025-05-01", None),
    ("Where did I go a week after my birthday?", "2025-05-10", None),
    ("Where did I go a month before my birthday?", "2025-04-03", None),
    ("What did I read the week before my birthday?", "2025-04-26", "2025-05-02"),
    ("What did I read in the week after my birthday?", "2025-05-04", "2025-05-10"),
    ("What did I read the week of my birthday?", "2025-04-28", "2025-05-04"),
    ("What did I do the weekend before my birthday?", "2025-04-26", "2025-04-27"),
    ("What did I do the weekend after my birthday?", "2025-05-10", "2025-05-11"),
    ("What did I do around my birthday?", "2025-04-30", "2025-05-06"),
    ("What did we do on Anna's birthday?", "2024-08-12", None),
    ("What did we do on Anna\u2019s birthday?", "2024-08-12", None),
    ("What did we do on my sister's birthday?", "2024-08-12", None),
    ("What did we do on my sister Anna's birthday?", "2024-08-12", None),
    ("What will Anna do the week before her birthday?", "2025-08-05", "2025-08-11"),
    ("What is on Anna's birthday?", "2025-08-12", None),
    ("What did Ben eat on his birthday?", "2025-02-28", None),
    ("What did Ben eat on his birthday in 2024?", "2024-02-29", None),
    ("What did I do on my bday?", "2025-05-03", None),
]


@pytest.mark.parametrize(("text", "first", "last"), RESOLVED, ids=[text for text, *_ in RESOLVED])
def test_words_around_a_birthday_become_days(text, first, last):
    (span,) = resolve(text, NOW, KNOWN)
    assert (span.when.text, span.until and span.until.text) == (first, last)


@pytest.mark.parametrize(
    "text",
    [
        "When is my birthday?",
        "When is my next birthday?",
        "What day was Anna's birthday?",
        "What did Carla do on her brother's birthday?",
        "Who baked the birthday cake?",
        "What did I do on my 30th birthday?",
        "What did they do on the birthday?",
        "What did somebody do on her birthday?",  # Anna's, or Ben's
        "What did I do on your birthday?",
    ],
)
def test_what_is_not_known_or_has_no_time_is_left_alone(text):
    assert resolve(text, NOW, KNOWN) == []


def test_a_stretch_that_has_begun_is_past_though_the_birthday_is_ahead():
    (span,) = resolve("What did I do the week before my birthday?", NOW.replace(month=4, day=30), [MINE])
    assert span.when.text == "2025-04-26"


def test_since_and_until_are_open():
    (since,) = resolve("What have I read since my birthday?", NOW, KNOWN)
    (until,) = resolve("What is planned until Anna's birthday?", NOW, KNOWN)
    assert (since.when.text, since.open_start, since.open_end) == ("2025-05-03", True, False)
    assert (until.when.text, until.open_start, until.open_end) == ("2025-08-12", False, True)


def test_a_person_is_meant_where_only_one_can_be():
    assert resolve("What did she do on her birthday?", NOW, [MINE, ANNA])[0].when.text == "2024-08-12"
    speaking = [Birthday("anna", 8, 12, SAID), BEN]
    assert resolve("What did I do on my birthday?", NOW, speaking, ["Anna Smith"])[0].when.text == "2024-08-12"
    assert resolve("What did I do on my birthday?", NOW, speaking, ["Anna", "Ben"]) == []
    assert resolve("What did I do on my birthday?", NOW, []) == []


@pytest.mark.parametrize(
    ("value", "event_time", "valid_to", "day"),
    [
        ("3 may 2025", "2025-05-03", None, (5, 3)),
        ("3 may", None, None, (5, 3)),
        ("may 3rd", None, None, (5, 3)),
        ("1990-05-03", None, None, (5, 3)),
        ("29 february 2024", "2024-02-29", None, (2, 29)),
        ("in may 2025", "2025-05", None, None),
        ("in the week of 28 april 2025", "2025-04-28", "2025-05-04", None),
        ("soon", None, None, None),
        (None, None, None, None),
    ],
)
def test_a_memory_tells_a_birthday_where_it_names_a_day(value, event_time, valid_to, day):
    when, until = (text and CalendarDate.parse(text) for text in (event_time, valid_to))
    found = birthday_of("user", value, when, until, SAID)
    assert (found and (found.month, found.day)) == day
