"""Times that questions ask for and statements rarely hold: "in the last two weeks", "three summers ago", "between March
and May", "over the weekend", "3.5.2024", and calendar dates in other languages. Pure; for the time words of a question.

They only say what to look for (`query`): a range that could be meant in two ways is both of them.
"""

import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import NamedTuple

from app.domain.days import SEASON_START, Meaning, a_month, a_season, carried, clamped, count, month_number
from app.domain.foreign_dates import foreign
from app.domain.language import ENGLISH
from app.domain.temporal_rules import Tense

FEW = {"few": 4, "several": 5, "couple": 2, "dozen": 12}  # choice

Days = tuple[date, date]  # the first and the last


class Asked(NamedTuple):
    """A time expression at text[start:end] and the days that it covers."""

    start: int
    end: int
    first: date
    last: date


_COUNT = (
    r"(?P<count>\d{1,3}|an?|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|several"
    r"|(?:a )?(?:couple|few|dozen)(?: of)?)"
)
_UNIT = r"(?P<unit>day|week|fortnight|month|year|weekend)s?"
_SEASON = r"(?P<season>spring|summer|autumn|fall|winter)"
_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)"
)
_YEAR = r"(?:19|20)\d\d"
_HOLIDAY = (
    r"(?P<holiday>christmas(?: day| eve)?|xmas|new year['\u2019]?s(?: day| eve)?|halloween"
    r"|valentine['\u2019]?s(?: day)?|thanksgiving)"
)
_WEEKDAY = r"(?P<weekday>monday|tuesday|wednesday|thursday|friday|saturday|sunday)"
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def _back(day: date, unit: str, steps: int) -> date:
    """That many units earlier."""
    if unit in {"month", "year"}:
        months = steps * (12 if unit == "year" else 1)
        return clamped(*carried(day.year, day.month - months), day.day)
    return day - timedelta(days=steps * {"day": 1, "week": 7, "fortnight": 14, "weekend": 7}[unit])


def _number(words: str) -> int:
    few = next((value for name, value in FEW.items() if name in words.lower()), None)
    return count(words) if few is None else few


def _stretch(m: re.Match[str], today: date, _tense: Tense | None) -> Days:
    """In the last two weeks."""
    return _back(today, m["unit"].lower(), _number(m["count"])), today


def _seasons_ago(m: re.Match[str], today: date, _tense: Tense | None) -> Days:
    """Three summers ago: the one that is over last counts as the first, or the one that runs as none."""
    name = m["season"].lower()
    running = a_season(name, today.year)
    back = 0 if running.last < today else 1
    return _whole(a_season(name, today.year - back - _number(m["count"]) + 1))


def _season(m: re.Match[str], today: date, tense: Tense | None) -> Days:
    """In the summer: the last one that has begun, or the next where the question looks ahead."""
    name = m["season"].lower()
    year = today.year
    if tense is Tense.FUTURE:
        return _whole(a_season(name, year + (a_season(name, year).last < today)))
    return _whole(a_season(name, year - (date(year, SEASON_START[name], 1) > today)))


def _before_last(m: re.Match[str], today: date, _tense: Tense | None) -> Days:
    unit = m["unit"].lower()
    if unit == "weekend":
        saturday = today + timedelta(days=5 - today.weekday() - 14)
        return saturday, saturday + timedelta(days=1)
    if unit == "week":
        monday = today - timedelta(days=today.weekday() + 14)
        return monday, monday + timedelta(days=6)
    if unit == "year":
        return date(today.year - 2, 1, 1), date(today.year - 2, 12, 31)
    return _whole(a_month(*carried(today.year, today.month - 2)))


def _weekend(_m: re.Match[str], today: date, tense: Tense | None) -> Days:
    """Over the weekend: the one that runs, else the last one, or the next where the question looks ahead."""
    saturday = today + timedelta(days=5 - today.weekday())
    if tense is not Tense.FUTURE and saturday > today:
        saturday -= timedelta(days=7)
    return saturday, saturday + timedelta(days=1)


def _halves_ago(m: re.Match[str], today: date, _tense: Tense | None) -> Days:
    """Half a year ago, a year and a half ago."""
    months = 6 if m["half"] else 12 * count(m["years"]) + 6
    return _whole(a_month(*carried(today.year, today.month - months)))


def _months(m: re.Match[str], today: date, tense: Tense | None) -> Days:
    """Between March and May, from November 2023 to January."""
    one, other = month_number(m["one"]), month_number(m["other"])
    if m["last"]:
        last_year = int(m["last"])
    else:
        last_year = today.year
        if tense is not Tense.FUTURE and other > today.month:
            last_year -= 1
    first_year = int(m["first"]) if m["first"] else last_year - (one > other)
    if m["first"] and not m["last"]:
        last_year = first_year + (one > other)
    return date(first_year, one, 1), a_month(last_year, other).last


def _years(m: re.Match[str], _today: date, _tense: Tense | None) -> Days:
    return date(int(m["one"]), 1, 1), date(int(m["other"]), 12, 31)


def _quarter(m: re.Match[str], today: date, _tense: Tense | None) -> Days:
    month = 3 * int(m["quarter"]) - 2
    year = int(m["year"]) if m["year"] else today.year - (month > today.month)
    return date(year, month, 1), a_month(year, month + 2).last


def _decade(m: re.Match[str], _today: date, _tense: Tense | None) -> Days:
    digits = m["decade"]
    year = int(digits) if len(digits) == 4 else (1900 if int(digits) >= 30 else 2000) + int(digits)
    return date(year, 1, 1), date(year + 9, 12, 31)


def _holiday(m: re.Match[str], today: date, tense: Tense | None) -> Days:
    """Last Christmas, on Valentine's Day: in the year that `which` or the tense means."""
    which, name = (m["which"] or "").lower(), m["holiday"].lower()
    days = [_holiday_of(name, today.year + step) for step in (-1, 0, 1)]
    if which in {"last", "past"} or (not which and tense is not Tense.FUTURE):
        return _one(max(day for day in days if day <= today))
    if which == "this":
        return _one(days[1])
    return _one(min(day for day in days if day >= today))


def _holiday_of(name: str, year: int) -> date:
    if name.startswith("thanks"):  # the fourth Thursday of November
        first = date(year, 11, 1)
        return first + timedelta(days=(3 - first.weekday()) % 7 + 21)
    if name.startswith("valentine"):
        return date(year, 2, 14)
    if name.startswith("halloween"):
        return date(year, 10, 31)
    if name.startswith("new"):
        return date(year, 12, 31) if name.endswith("eve") else date(year, 1, 1)
    return date(year, 12, 24 if name.endswith("eve") else 25)


def _weekday(m: re.Match[str], today: date, tense: Tense | None) -> Days:
    """A weekday at the end of a question, without any word before it."""
    ahead = (_WEEKDAYS.index(m["weekday"].lower()) - today.weekday()) % 7
    return _one(today + timedelta(days=ahead if tense is Tense.FUTURE else ahead - 7 if ahead else 0))


def _whole(meaning: Meaning) -> Days:
    return meaning.first, meaning.last


def _one(day: date) -> Days:
    return day, day


_Rule = Callable[[re.Match[str], date, Tense | None], Days]
_RULES: tuple[tuple[_Rule, re.Pattern[str]], ...] = tuple(
    (rule, re.compile(rf"(?<![\w-]){pattern}(?![\w-])", re.IGNORECASE))
    for rule, pattern in (
        (_stretch, rf"(?:the\s+)?(?:last|past|previous)\s+{_COUNT}\s+{_UNIT}"),
        (_seasons_ago, rf"{_COUNT}\s+{_SEASON}s?\s+ago"),
        (_halves_ago, r"(?:(?P<half>half\s+an?\s+year)|(?P<years>an?|one|two|three)\s+years?\s+and\s+a\s+half)\s+ago"),
        (_before_last, r"the\s+(?P<unit>week|month|year|weekend)\s+before\s+last"),
        (_holiday, rf"(?:(?P<which>last|past|this|next)|on|at|over|for|during|around)\s+{_HOLIDAY}"),
        (_weekend, r"(?:at|on|over|during)\s+the\s+weekend"),
        (_season, rf"(?:in|during|over)\s+(?:the\s+)?{_SEASON}(?!\s+(?:of\s+)?{_YEAR})"),
        (
            _months,
            (
                rf"(?:between|from)\s+(?P<one>{_MONTH})(?:\s+(?P<first>{_YEAR}))?\s+(?:and|to|until|till|through)\s+"
                rf"(?P<other>{_MONTH})(?:\s+(?P<last>{_YEAR}))?(?!\s+\d)"
            ),
        ),
        (_years, rf"(?:between|from)\s+(?P<one>{_YEAR})\s+(?:and|to|until|till|through)\s+(?P<other>{_YEAR})"),
        (_quarter, rf"(?:q|quarter\s+)(?P<quarter>[1-4])(?:\s+(?:of\s+)?(?P<year>{_YEAR}))?"),
        (_decade, r"(?:in|during|back in|of|from)\s+the\s+['\u2019]?(?P<decade>(?:19|20)?\d0)['\u2019]?s"),
        (_weekday, rf"(?<!on )(?<!last )(?<!next )(?<!this ){_WEEKDAY}(?=\W*\Z)"),
    )
)
_NUMERIC = re.compile(
    r"(?<![\w.])(?P<one>\d{1,2})(?P<mark>[./-])(?P<other>\d{1,2})(?P=mark)(?P<year>(?:19|20)\d\d)(?!\w|\.\d)"
)
_YEAR_FIRST = re.compile(rf"(?<![\w.])(?P<year>{_YEAR})[./](?P<month>\d{{1,2}})[./](?P<day>\d{{1,2}})(?!\w)")
_TRIGGER = re.compile(
    r"\d|last|past|previous|ago|weekend|spring|summer|autumn|fall|winter|christmas|xmas|new year|halloween|valentine"
    r"|thanksgiving|between|from|day\b",
    re.IGNORECASE,
)


def asked(text: str, today: date, tense: Tense | None, language: str) -> list[Asked]:
    """Every such expression of a question, in order. What could be two days is both."""
    found = [] if language == ENGLISH else [Asked(*one) for one in foreign(text, today)]
    if not _TRIGGER.search(text):
        return sorted(found)
    found += [Asked(*one) for one in _dated(text)]
    for rule, pattern in _RULES:
        for match in pattern.finditer(text):
            if any(match.start() < one.end and one.start < match.end() for one in found):
                continue
            try:
                found.append(Asked(*match.span(), *rule(match, today, tense)))
            except (ValueError, OverflowError):  # a year out of range
                continue
    return sorted(found)


def _dated(text: str) -> Iterator[tuple[int, int, date, date]]:
    """Dates in figures: with dots the day comes first, with strokes it may be either."""
    for m in _YEAR_FIRST.finditer(text):
        yield from _placed(m, int(m["year"]), int(m["month"]), int(m["day"]))
    for m in _NUMERIC.finditer(text):
        one, other, year = int(m["one"]), int(m["other"]), int(m["year"])
        yield from _placed(m, year, other, one)
        if m["mark"] != "." and one != other:
            yield from _placed(m, year, one, other)


def _placed(m: re.Match[str], year: int, month: int, day: int) -> Iterator[tuple[int, int, date, date]]:
    try:
        when = date(year, month, day)
    except ValueError:
        return
    yield (*m.span(), when, when)
