from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.dates import Precision
from app.domain.temporal import Tense, absolute, resolve

WEDNESDAY = datetime(2025, 3, 19, 22, 0, tzinfo=UTC)

CASES = [
    ("I passed the test last friday", "I passed the test on 14 March 2025", "2025-03-14", None),
    ("I'm flying in ten days", "I'm flying on 29 March 2025", "2025-03-29", None),
    ("it began the day before yesterday", "it began on 17 March 2025", "2025-03-17", None),
    ("the party is a week from tomorrow", "the party is on 27 March 2025", "2025-03-27", None),
    ("she arrives this coming monday", "she arrives on 24 March 2025", "2025-03-24", None),
    ("we meet next Friday", "we meet on 28 March 2025", "2025-03-28", None),
    ("I moved last month", "I moved in February 2025", "2025-02", None),
    ("two weeks ago I fell", "On 5 March 2025 I fell", "2025-03-05", None),
    ("three years ago I quit", "In 2022 I quit", "2022", None),
    ("a month ago today I stopped", "On 19 February 2025 I stopped", "2025-02-19", None),
    ("vegan since 2019", "vegan since 2019", "2019", None),
    ("my birthday is on 3 May", "my birthday is on 3 May 2025", "2025-05-03", None),
    ("I was born on May 3rd 1992", "I was born on 3 May 1992", "1992-05-03", None),
    ("we marry in May", "we marry in May 2025", "2025-05", None),
    ("the shows are on 9 and 10 december", "the shows are from 9 to 10 December 2024", "2024-12-09", "2024-12-10"),
    ("I rest this weekend", "I rest on the weekend of 22 March 2025", "2025-03-22", "2025-03-23"),
    ("back at work this week", "back at work in the week of 17 March 2025", "2025-03-17", "2025-03-23"),
    ("last summer I surfed", "In the summer of 2024 I surfed", "2024-06", "2024-08"),
    ("deadline 2025-04-01", "deadline on 2025-04-01", "2025-04-01", None),
    ("on tuesday the car broke", "On 18 March 2025 the car broke", "2025-03-18", None),
    ("I am off until Christmas", "I am off until 25 December 2025 (Christmas)", "2025-12-25", None),
    ("we host on new year's eve", "we host on 31 December 2025 (New year's eve)", "2025-12-31", None),
    ("tonight we cook", "On 19 March 2025 in the evening we cook", "2025-03-19", None),
]


@pytest.mark.parametrize(("said", "meant", "when", "until"), CASES, ids=[case[0] for case in CASES])
def test_expressions_become_absolute(said, meant, when, until):
    spans = resolve(said, WEDNESDAY)
    if when == "2025-04-01":
        meant = "deadline on 1 April 2025"
    assert absolute(said, spans) == meant
    assert len(spans) == 1
    assert spans[0].when.text == when
    assert (spans[0].until.text if spans[0].until else None) == until


@pytest.mark.parametrize(
    "text",
    [
        "I may march on",
        "this sun is lovely",
        "I walked it in two days",
        "every Tuesday and on fridays",
        "31 June does not exist",
        "I have 30 days of leave",
        "the sat nav is broken",
        "she ran 2019 km",
        "I baked a Christmas cake",
        "I fly in two days before",
    ],
)
def test_words_that_only_look_like_dates_stay(text):
    assert resolve(text, WEDNESDAY) == []


def test_the_local_day_counts_and_not_the_day_in_utc():
    late = datetime(2025, 1, 1, 0, 30, tzinfo=timezone(timedelta(hours=13)))  # still 31 December in UTC
    assert resolve("yesterday", late)[0].when.text == "2024-12-31"
    assert resolve("today", late)[0].when.text == "2025-01-01"


def test_the_tense_places_a_date_without_a_year():
    said = datetime(2025, 3, 19, tzinfo=UTC)
    assert resolve("in October", said, Tense.PAST)[0].when.text == "2024-10"
    assert resolve("in October", said, Tense.FUTURE)[0].when.text == "2025-10"
    assert resolve("I fly on 1 February", said, Tense.FUTURE)[0].when.text == "2026-02-01"


def test_open_intervals_say_so():
    since, until = resolve("I rent here since January 2024 until June 2026", WEDNESDAY)
    assert (since.open_start, since.open_end) == (True, False)
    assert (until.open_start, until.open_end) == (False, True)


moments = st.integers(0, 3_700_000_000).map(
    lambda seconds: datetime(1980, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
offsets = st.integers(-12, 14).map(lambda hours: timezone(timedelta(hours=hours)))


@given(moments, offsets, st.integers(1, 400))
def test_days_count_exactly(moment, offset, days):
    said = moment.astimezone(offset)
    back = resolve(f"{days} days ago", said)[0].when
    ahead = resolve(f"in {days} days", said)[0].when
    assert date.fromisoformat(back.text) == said.date() - timedelta(days=days)
    assert date.fromisoformat(ahead.text) == said.date() + timedelta(days=days)
    assert back.precision is Precision.DAY


@given(moments, offsets, st.sampled_from(DAYS))
def test_weekdays_fall_on_their_day_and_side(moment, offset, name):
    said = moment.astimezone(offset)
    last, this, following = (
        date.fromisoformat(resolve(f"{word} {name}", said)[0].when.text) for word in ("last", "this", "next")
    )
    assert {day.strftime("%A").lower() for day in (last, this, following)} == {name}
    assert 1 <= (said.date() - last).days <= 7
    assert 0 <= (this - said.date()).days <= 6
    assert following.isocalendar()[:2] == (said.date() + timedelta(days=7)).isocalendar()[:2]


@given(moments, offsets, st.sampled_from([case[0] for case in CASES]))
def test_what_was_resolved_resolves_to_itself(moment, offset, text):
    said = moment.astimezone(offset)
    once = absolute(text, resolve(text, said))
    later = said + timedelta(days=3000)
    again = absolute(once, resolve(once, later))
    assert again == once
