"""Times relative to a birthday that is known: "the week before her birthday", "on Anna's last birthday". Pure.

Birthdays come from memories of the attribute `birthday`; used by recall for time words in a question. Which year is
meant follows the tense of the question, as for other dates without a year.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from app.domain import temporal
from app.domain.dates import CalendarDate, Precision
from app.domain.days import carried, clamped, count, say_day
from app.domain.temporal import TimeSpan
from app.domain.temporal_rules import Tense

THE_USER = "user"
AROUND = timedelta(days=3)

Days = tuple[date, date]  # the first and the last

_COUNT = r"\d{1,2}|an?|one|two|three|four|five|six|(?:a )?couple(?: of)?"
_LEAD = (
    rf"(?:(?:(?P<the>the)|(?P<count>{_COUNT}))\s+)?(?P<unit>day|night|weekend|week|fortnight|month)s?\s+"
    r"(?P<side>before|after|of|following|leading up to)\s+"
    r"|(?P<prep>on|for|at|during|around|before|after|since|until|till?|by|of|from|to)\s+"
)
_OWNER = (
    r"(?:(?P<mine>my|our|the user['\u2019]s)|(?P<theirs>his|her|their)"
    r"|(?:(?:my|his|her|the user['\u2019]s|the)\s+)?(?P<name>[^\W\d_][\w-]*(?:\s[^\W\d_][\w-]*)?)['\u2019]s?)"
)
_WHICH = r"(?P<which>last|previous|latest|most recent|next|upcoming|coming|this)"
_YEAR = r"(?:\s+(?:in\s+|of\s+)?(?P<year>(?:19|20)\d\d|(?:last|this|next)\s+year))?"
_BIRTHDAY = re.compile(
    rf"(?<![\w-])(?:{_LEAD})?(?:{_OWNER}\s+)?(?:{_WHICH}\s+)?b(?:irth|-)?day\b{_YEAR}", re.IGNORECASE
)
_ASKED = re.compile(r"(?:\b(?:is|was)|['\u2019]s)\s+\Z", re.IGNORECASE)  # "when is my next birthday": the date itself
_WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class Birthday:
    """Whose it is, as the subject of a memory ("user", "user sister anna"); `known` since when, by the conversation."""

    subject: str
    month: int
    day: int
    known: datetime

    def in_year(self, year: int) -> date:
        """That of a year; of a leap day the last of February where there is none."""
        return clamped(year, self.month, self.day)


def birthday_of(
    subject: str, value: str | None, event_time: CalendarDate | None, valid_to: CalendarDate | None, known: datetime
) -> Birthday | None:
    """What a memory says about a birthday; None where it names no single day."""
    when = event_time
    if when is None:
        found = temporal.resolve(value or "", known)
        when = found[0].when if len(found) == 1 and found[0].until is None else None
    if when is None or when.precision is not Precision.DAY or (valid_to is not None and valid_to != when):
        return None
    _, month, day = map(int, when.text.split("-"))
    return Birthday(subject, month, day, known)


def resolve(text: str, now: datetime, known: Sequence[Birthday], speakers: Iterable[str] = ()) -> list[TimeSpan]:
    """The time expressions of `text` that a known birthday makes a day or a stretch of days, in order."""
    if not known:
        return []
    found: list[TimeSpan] = []
    for match in _BIRTHDAY.finditer(text):
        meant = _whose(match, known, speakers)
        days = None if meant is None else _placed(match, meant, now.date())
        if days is not None:
            found.append(_span(match, days))
    return found


def _whose(m: re.Match[str], known: Sequence[Birthday], speakers: Iterable[str]) -> Birthday | None:
    """The birthday that is meant; None where it is not known, or which one is not."""
    if m["name"]:
        return _one(_of(_words(m["name"]), known))
    others = [each for each in known if each.subject != THE_USER]
    if m["theirs"]:
        before = _words(m.string[: m.start("theirs")])
        named = [each for each in others if before & (_words(each.subject) - {THE_USER})]
        return _one(named or others or known)
    if not m["mine"] and not m["which"]:
        return None
    mine = [each for each in known if each.subject == THE_USER]
    speaking = {name.split()[0].casefold() for name in speakers if name.split()}
    return _one(mine or [each for each in known if each.subject in speaking])


def _of(name: frozenset[str], known: Sequence[Birthday]) -> list[Birthday]:
    """Those of whom the name fits, the ones that it fits exactly if there are any."""
    exact = [each for each in known if _words(each.subject) - {THE_USER} == name]
    return exact or [each for each in known if name <= _words(each.subject)]


def _one(found: Sequence[Birthday]) -> Birthday | None:
    """The birthday that all of them are."""
    return found[-1] if len({(each.month, each.day) for each in found}) == 1 else None


def _words(text: str) -> frozenset[str]:
    return frozenset(word.casefold() for word in _WORD.findall(text))


def _placed(m: re.Match[str], birthday: Birthday, today: date) -> Days | None:
    """The days that are meant, in the year that is meant."""
    which, year = (m["which"] or "").lower(), (m["year"] or "").lower()
    leading = m["unit"] or m["prep"]
    if not leading and (not which or _ASKED.search(m.string, 0, m.start())):
        return None  # the day itself is asked for, or nothing that has a time
    if year or which == "this":
        named = int(year) if year.isdigit() else today.year + {"last": -1, "next": 1}.get(year.split(" ")[0], 0)
        return _days(m, birthday.in_year(named))
    dates = [birthday.in_year(today.year + step) for step in (-2, -1, 0, 1, 2)]
    if which:
        back = which in {"last", "previous", "latest", "most recent"}
        return _days(m, max(d for d in dates if d < today) if back else min(d for d in dates if d > today))
    return _nearest(m, {each: _days(m, each) for each in dates}, today)


def _nearest(m: re.Match[str], placed: Mapping[date, Days], today: date) -> Days:
    """Of the days that are meant around each birthday, those that fit the tense."""
    match _tense(m):
        case Tense.PAST:
            return max(days for days in placed.values() if days[0] <= today)
        case Tense.FUTURE:
            return min(days for days in placed.values() if days[1] >= today)
    return placed[min(placed, key=lambda each: abs((each - today).days))]


def _tense(m: re.Match[str]) -> Tense | None:
    prep = (m["prep"] or "").lower()
    if prep == "since":
        return Tense.PAST
    return Tense.FUTURE if prep in {"until", "till", "til", "by"} else temporal.tense_of(m.string)


def _days(m: re.Match[str], birthday: date) -> Days:
    """What the words around a birthday make of its day."""
    if not m["unit"]:
        around = AROUND if (m["prep"] or "").lower() == "around" else timedelta(0)
        return birthday - around, birthday + around
    unit, side = m["unit"].lower(), m["side"].lower()
    sign = 0 if side == "of" else 1 if side in {"after", "following"} else -1
    if sign and m["count"] and unit != "weekend":
        day = _shifted(birthday, unit, sign * count(m["count"]))
        return day, day
    return _NEXT_TO[unit](birthday, sign)


def _shifted(day: date, unit: str, steps: int) -> date:
    if unit == "month":
        return clamped(*carried(day.year, day.month + steps), day.day)
    return day + timedelta(days=steps * {"day": 1, "night": 1, "week": 7, "fortnight": 14}[unit])


def _stretch(length: int) -> Callable[[date, int], Days]:
    """So many days right before or after; with neither side those of the calendar that hold it."""

    def of(day: date, sign: int) -> Days:
        if sign:
            ends = day + timedelta(days=sign), day + timedelta(days=sign * length)
            return min(ends), max(ends)
        monday = day - timedelta(days=day.weekday())
        return (monday, monday + timedelta(days=6)) if length >= 7 else (day, day)

    return of


def _weekend(day: date, sign: int) -> Days:
    """The last one before, the first one after, or that of its week."""
    saturday = day + timedelta(days=5 - day.weekday())
    if sign < 0:
        saturday -= timedelta(days=7)
    elif sign > 0 and day >= saturday:
        saturday += timedelta(days=7)
    return saturday, saturday + timedelta(days=1)


def _month(day: date, sign: int) -> Days:
    if sign:
        return _stretch(30)(day, sign)
    following = date(*carried(day.year, day.month + 1), 1)
    return day.replace(day=1), following - timedelta(days=1)


_NEXT_TO: dict[str, Callable[[date, int], Days]] = {
    "day": _stretch(1),
    "night": _stretch(1),
    "week": _stretch(7),
    "fortnight": _stretch(14),
    "weekend": _weekend,
    "month": _month,
}


def _span(m: re.Match[str], days: Days) -> TimeSpan:
    first, last = days
    prep = (m["prep"] or "").lower()
    wording = f"on {say_day(first)}" if first == last else f"from {say_day(first)} to {say_day(last)}"
    until = None if first == last else CalendarDate.parse(last.isoformat())
    return TimeSpan(
        *m.span(),
        CalendarDate.parse(first.isoformat()),
        until,
        wording,
        open_start=prep == "since",
        open_end=prep in {"until", "till", "til"},
    )
