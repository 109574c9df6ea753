"""Which plans are due, seen from a moment. Pure; used by recall for what is coming up."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta, timezone

from app.domain.memory import Memory, MemoryType
from app.domain.units import Unit

MOST_DUE = 5  # choice: what a person would be told of the days ahead


def due(plans: Iterable[Unit], now: datetime, days: int) -> list[Unit]:
    """The soonest of those that are on, or begin within `days` days, by the calendar of whoever made each."""
    found = [unit for unit in plans if unit.memory is not None and _is_due(unit.memory, now, days)]
    return sorted(found, key=_begins)[:MOST_DUE]


def is_over(memory: Memory, moment: datetime) -> bool:
    """Whether it is a plan whose last day, by the calendar of whoever made it, lies before `moment`."""
    if memory.type is not MemoryType.FORESIGHT or (memory.event_time is None and memory.valid_to is None):
        return False
    offset = memory.occurred_at.utcoffset() or timedelta(0)
    return _last_day(memory, offset) < moment.astimezone(timezone(offset)).date()


def _is_due(plan: Memory, now: datetime, days: int) -> bool:
    if plan.event_time is None:
        return False
    offset = plan.occurred_at.utcoffset() or timedelta(0)
    today = now.astimezone(timezone(offset)).date()
    first = plan.event_time.start(offset).date()
    return first <= today + timedelta(days=days) and _last_day(plan, offset) >= today


def _last_day(plan: Memory, offset: timedelta) -> date:
    """The last day that it takes up; what ends before it begins takes up the day on which it begins."""
    ends = [when.end(offset) for when in (plan.event_time, plan.valid_to) if when is not None]
    return (max(ends) - timedelta(microseconds=1)).date()


def _begins(unit: Unit) -> tuple[float, int]:
    plan = unit.memory
    assert plan is not None  # noqa: S101 - `due` let through memories alone
    assert plan.event_time is not None  # noqa: S101 - and of these the dated ones
    return plan.event_time.start(plan.occurred_at.utcoffset() or timedelta(0)).timestamp(), unit.id.int
