"""Times that questions ask for: stretches, seasons, holidays, figures, and dates in other languages."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.query import TIME_SLACK, understand

NOW = datetime(2025, 5, 14, 21, 30, tzinfo=UTC)  # a Wednesday


def days(text, now=NOW):
    """First and last day of each range, without the slack."""
    return [
        ((start + TIME_SLACK).date().isoformat(), (end - TIME_SLACK - timedelta(days=1)).date().isoformat())
        for start, end in understand(text, (), now).spans
    ]


@pytest.mark.parametrize(
    ("question", "first", "last"),
    [
        ("What did I do in the last two weeks?", "2025-04-30", "2025-05-14"),
        ("What happened within the past 3 months?", "2025-02-14", "2025-05-14"),
        ("Where did we go three summers ago?", "2022-06-01", "2022-08-31"),
        ("What did I ride two winters ago?", "2023-12-01", "2024-02-29"),
        ("What did I do in the summer?", "2024-06-01", "2024-08-31"),
        ("What will we do in the summer?", "2025-06-01", "2025-08-31"),
        ("What did we do over the weekend?", "2025-05-10", "2025-05-11"),
        ("What will we do at the weekend?", "2025-05-17", "2025-05-18"),
        ("What did I cook the weekend before last?", "2025-05-03", "2025-05-04"),
        ("What was discussed the week before last?", "2025-04-28", "2025-05-04"),
        ("Where was I half a year ago?", "2024-11-01", "2024-11-30"),
        ("Where was I a year and a half ago?", "2023-11-01", "2023-11-30"),
        ("What did I get last Christmas?", "2024-12-25", "2024-12-25"),
        ("What did we eat on Thanksgiving?", "2024-11-28", "2024-11-28"),
        ("What happened between November and February?", "2024-11-01", "2025-02-28"),
        ("What happened between March and May 2024?", "2024-03-01", "2024-05-31"),
        ("What happened between 3 March and 10 March?", "2025-03-03", "2025-03-10"),
        ("What happened between 3 March and 10 March 2024?", "2024-03-03", "2024-03-10"),
        ("Where did I work from 2020 to 2022?", "2020-01-01", "2022-12-31"),
        ("What did I earn in Q3 2024?", "2024-07-01", "2024-09-30"),
        ("Which bands did I play in back in the 90s?", "1990-01-01", "1999-12-31"),
        ("What happened on 3.5.2024?", "2024-05-03", "2024-05-03"),
        ("What did I do Monday?", "2025-05-12", "2025-05-12"),
        ("Was habe ich am 3. Mai 2024 gemacht?", "2024-05-03", "2024-05-03"),
        ("Was habe ich gestern gemacht?", "2025-05-13", "2025-05-13"),
        ("Was ist letzten Sommer passiert?", "2024-06-01", "2024-08-31"),
        ("¿Qué hice el 3 de mayo de 2024?", "2024-05-03", "2024-05-03"),
        ("¿Qué hice la semana pasada?", "2025-05-05", "2025-05-11"),
        ("O que fiz em março de 2024?", "2024-03-01", "2024-03-31"),
        ("Co robiłem w zeszłym tygodniu?", "2025-05-05", "2025-05-11"),
        ("Что было 5 марта 2024?", "2024-03-05", "2024-03-05"),
        ("我昨天做了什么\uff1f", "2025-05-13", "2025-05-13"),
        ("2024年5月3日に何をしましたか\uff1f", "2024-05-03", "2024-05-03"),
    ],
)
def test_a_time_in_a_question_is_a_range_of_days(question, first, last):
    assert days(question) == [(first, last)]


def test_figures_that_can_be_two_days_are_both():
    assert days("Where was I on 02/03/2024?") == [("2024-02-03", "2024-02-03"), ("2024-03-02", "2024-03-02")]
    assert days("Where was I on 25/03/2024?") == [("2024-03-25", "2024-03-25")]


@pytest.mark.parametrize(
    "question", ["Which of the last two did she like?", "Is 10.0.2024.1 installed?", "What do we do from 3pm to 5pm?"]
)
def test_what_is_no_time_is_none(question):
    assert days(question) == []


def test_words_of_other_languages_are_no_times_in_english():
    assert days("What did I order at the Mai 2024 in Lisbon?") == []


@given(st.text(max_size=200), st.dates(date(1900, 1, 1), date(2200, 1, 1)))
def test_any_question_is_read(text, day):
    now = datetime(day.year, day.month, day.day, tzinfo=UTC)
    for start, end in understand(f"last 9 years between {text} and 3 March", (), now).spans:
        assert start < end
