"""Calendar dates of memories: local values with a precision, never shifted into another zone. Used by every layer."""

import calendar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from typing import Self


class Precision(StrEnum):
    YEAR = "year"
    MONTH = "month"
    DAY = "day"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class CalendarDate:
    """`YYYY`, `YYYY-MM`, `YYYY-MM-DD`, or an RFC 3339 instant, as text with its precision."""

    text: str
    precision: Precision

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read one of the four forms; raises ValueError for anything else or for a day that does not exist."""
        parts = text.split("-") if "T" not in text else []
        widths = [len(p) for p in parts]
        if widths in ([4], [4, 2], [4, 2, 2]) and all(p.isascii() and p.isdigit() for p in parts):
            numbers = [int(p) for p in parts] + [1, 1]
            datetime(numbers[0], numbers[1], numbers[2], tzinfo=UTC)
            return cls(text, (Precision.YEAR, Precision.MONTH, Precision.DAY)[len(parts) - 1])
        if "T" not in text:
            raise ValueError("a date is YYYY, YYYY-MM, YYYY-MM-DD or an RFC 3339 instant")
        if datetime.fromisoformat(text).tzinfo is None:
            raise ValueError("an instant needs its UTC offset")
        return cls(text, Precision.TIME)

    def start(self, offset: timedelta = timedelta(0)) -> datetime:
        """The first instant that it covers, for a local `offset` from UTC."""
        if self.precision is Precision.TIME:
            return datetime.fromisoformat(self.text)
        year, month, day = ([int(p) for p in self.text.split("-")] + [1, 1])[:3]
        return datetime(year, month, day, tzinfo=timezone(offset))

    def end(self, offset: timedelta = timedelta(0)) -> datetime:
        """The first instant after it (the end is exclusive); a time of day covers one minute."""
        start = self.start(offset)
        if self.precision is Precision.TIME:
            return start + timedelta(minutes=1)
        if self.precision is Precision.DAY:
            return start + timedelta(days=1)
        days = calendar.monthrange(start.year, start.month)[1]
        if self.precision is Precision.YEAR:
            days = 366 if calendar.isleap(start.year) else 365
        return start + timedelta(days=days)
