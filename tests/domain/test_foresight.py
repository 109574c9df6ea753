"""Which plans are due: by the calendar of whoever made them, soonest first, a few."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from app.domain.dates import CalendarDate
from app.domain.foresight import MOST_DUE, due
from app.domain.memory import MemoryType
from app.domain.units import memory_unit
from tests.recall.test_ranking import memory

NOW = datetime(2025, 6, 2, 22, 30, tzinfo=UTC)  # the 3rd of June already where it is two hours later


def plan(number, when, *, until=None, hours=0):
    """A plan made at an offset from UTC."""
    said = datetime(2025, 5, 1, 12, 0, tzinfo=timezone(timedelta(hours=hours)))
    made = replace(memory(number, f"Plan {number}."), type=MemoryType.FORESIGHT, occurred_at=said)
    ends = until and CalendarDate.parse(until)
    return memory_unit(replace(made, event_time=CalendarDate.parse(when), valid_to=ends))


@pytest.mark.parametrize(
    ("when", "hours", "days", "is_due"),
    [
        ("2025-06-02", 0, 7, True),
        ("2025-06-02", 2, 7, False),
        ("2025-06-03", 2, 0, True),
        ("2025-06-01", 0, 7, False),
        ("2025-06-01", -12, 7, False),
        ("2025-06-09", 0, 7, True),
        ("2025-06-10", 0, 7, False),
        ("2025-06-10", 2, 7, True),
        ("2025-06-02T08:00:00+00:00", 0, 7, True),  # of today, though its hour is over
        ("2025-06-03T08:00:00+00:00", 0, 1, True),
    ],
)
def test_due_by_the_calendar_of_who_made_it(when, hours, days, is_due):
    assert bool(due([plan(1, when, hours=hours)], NOW, days)) == is_due


def test_what_lasts_is_due_until_it_is_over():
    assert due([plan(1, "2025-05-28", until="2025-06-02")], NOW, 1)
    assert not due([plan(1, "2025-05-28", until="2025-06-01")], NOW, 1)


def test_the_soonest_come_first_and_are_few():
    plans = [plan(n, f"2025-06-{3 + (n * 5) % 7:02d}") for n in range(1, 9)]
    days = [unit.memory.event_time.text for unit in due(plans, NOW, 7)]
    assert days == sorted(days)
    assert len(days) == MOST_DUE


def test_a_plan_without_a_date_is_never_due():
    assert due([memory_unit(replace(memory(1, "Some day."), type=MemoryType.FORESIGHT))], NOW, 7) == []
