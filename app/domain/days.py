"""Days, months and seasons as they are counted and said. Pure; used by `temporal_rules` and by extraction."""

from dataclasses import dataclass
from datetime import date, timedelta

from app.domain.dates import Precision

MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_MONTH_NUMBER = {name[:3].lower(): number for number, name in enumerate(MONTHS, 1)}
_WEEKDAY_NUMBER = {"mon": 0, "tue": 1, "wed": 2, "thu": 3, "fri": 4, "sat": 5, "sun": 6}
SEASON_START = {"spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12}  # northern hemisphere
_NUMBERS = {
    "a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "eleven": 11, "twelve": 12,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Meaning:
    """First and last day of what was meant, and at which precision to say it."""

    first: date
    last: date
    precision: Precision
    label: str  # "2 May 2025", "the weekend of 3 May 2025"
    part: str | None = None
    since: bool = False  # it began about then and lasts


def say_day(day: date) -> str:
    """`2 May 2025`."""
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


def carried(year: int, month: int) -> tuple[int, int]:
    """A month number outside 1..12 carried into the year."""
    years, index = divmod(month - 1, 12)
    return year + years, index + 1


def clamped(year: int, month: int, day: int) -> date:
    """That day, or the month's last one where the month is shorter."""
    while True:
        try:
            return date(year, month, day)
        except ValueError:
            if day <= 28:
                raise
            day -= 1


def a_day(day: date, part: str | None = None) -> Meaning:
    """One day, with its part ("morning") where one was named."""
    return Meaning(day, day, Precision.DAY, say_day(day), part and part.lower())


def a_month(year: int, month: int) -> Meaning:
    """A whole month."""
    following = date(*carried(year, month + 1), 1)
    return Meaning(date(year, month, 1), following - timedelta(days=1), Precision.MONTH, f"{MONTHS[month - 1]} {year}")


def a_year(year: int) -> Meaning:
    """A whole year."""
    return Meaning(date(year, 1, 1), date(year, 12, 31), Precision.YEAR, str(year))


def a_season(name: str, year: int) -> Meaning:
    """Three months; a winter is named by the year in which it begins."""
    start = SEASON_START[name]
    last = date(*carried(year, start + 3), 1) - timedelta(days=1)
    return Meaning(date(year, start, 1), last, Precision.MONTH, f"the {name} of {year}")


def month_number(word: str) -> int:
    """1 to 12 for a month's name or abbreviation."""
    return _MONTH_NUMBER[word[:3].lower()]


def weekday_number(word: str) -> int:
    """0 (Monday) to 6 for a weekday's name or abbreviation."""
    return _WEEKDAY_NUMBER[word[:3].lower()]


def count(word: str) -> int:
    """The number that a word or figure names."""
    word = word.lower()
    return 2 if "couple" in word else _NUMBERS.get(word) or int(word)
