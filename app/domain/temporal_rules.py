"""What a matched time expression means: calendar arithmetic from the day on which it was said. For `temporal` only."""

import re
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum

from app.domain.dates import Precision
from app.domain.days import (
    MONTHS,
    SEASON_START,
    Meaning,
    a_day,
    a_month,
    a_season,
    a_year,
    carried,
    clamped,
    count,
    month_number,
    say_day,
    weekday_number,
)

_HOLIDAYS = {"christmas": (12, 25), "xmas": (12, 25), "new year": (1, 1), "halloween": (10, 31)}
# A present perfect near the end of what stands before: what it tells of lasts.
_STILL = re.compile(
    r"(?:\b(?:have|has)|'ve|'s)(?:n't)?\s+(?:\w+\s+){0,2}?(?:been|had|known|lived|worked|loved|owned|played|kept|taught"
    r"|studied|used|run|wanted|dated|owed|lasted|followed|collected|suffered|smoked|driven|served)\b[^.;!?]{0,60}\Z",
    re.IGNORECASE,
)


class Tense(StrEnum):
    """Where a date without a year or a week lies, seen from the one who speaks."""

    PAST = "past"
    FUTURE = "future"


@dataclass(frozen=True, slots=True)
class Reading:
    today: date
    tense: Tense | None

    def of(self, name: str, m: re.Match[str]) -> Meaning | None:
        try:
            value: Meaning | None = getattr(self, f"_{name}")(m)
        except (ValueError, OverflowError):  # a day that does not exist ("31 June"), a year out of range
            return None
        return value

    # Fixed days ------------------------------------------------------------------------------------------------------
    def _holiday(self, m: re.Match[str]) -> Meaning | None:
        if not (m["prep"] or "").lower().strip():
            return None  # "Christmas cake"
        name = m["holiday"].lower()
        month, day = next(value for key, value in _HOLIDAYS.items() if name.startswith(key))
        if name.endswith("eve"):
            month, day = 12, 24 if month == 12 else 31
        meaning = a_day(self._place(month, day, None, tense=self.tense or Tense.FUTURE))
        return Meaning(
            meaning.first,
            meaning.last,
            meaning.precision,
            f"{meaning.label} ({'Christmas' if name == 'xmas' else m['holiday'].capitalize()})",
        )

    def _iso(self, m: re.Match[str]) -> Meaning:
        parts = [int(p) for p in m["iso"].split("-")]
        return a_day(date(*parts)) if len(parts) == 3 else a_month(parts[0], parts[1])

    def _dated(self, m: re.Match[str]) -> Meaning:
        return a_day(self._place(month_number(m["month"]), int(m["day"]), m["year"]))

    def _range(self, m: re.Match[str]) -> Meaning | None:
        first = self._place(month_number(m["month"]), int(m["day"]), m["year"])
        last = first.replace(day=int(m["day2"]))
        if last <= first:
            return None
        return Meaning(first, last, Precision.DAY, f"{first.day} to {say_day(last)}")

    def _month_year(self, m: re.Match[str]) -> Meaning:
        return a_month(int(m["year"]), month_number(m["month"]))

    def _season_year(self, m: re.Match[str]) -> Meaning:
        return a_season(m["season"].lower(), int(m["year"]))

    def _year(self, m: re.Match[str]) -> Meaning:
        return a_year(int(m["year"]))

    def _nth(self, m: re.Match[str]) -> Meaning | None:
        day = int(m["day"])
        found = [d for d in self._days(-62, 62) if d.day == day]
        moved = (m["prep"] or "").lower() == "to"  # "moved to the 14th"
        return self._nearest(found, Tense.FUTURE if moved else None)

    def _nth_weekday(self, m: re.Match[str]) -> Meaning | None:
        weekday, day = weekday_number(m["weekday"]), int(m["day"])
        return self._nearest([d for d in self._days(-200, 200) if d.day == day and d.weekday() == weekday])

    def _bare_month(self, m: re.Match[str]) -> Meaning | None:
        name, prep = m["month"], m["prep"].lower()
        if (
            name.lower() in {"mar", "may", "march"}
            and not name[0].isupper()
            and prep not in {"in", "until", "since", "by"}
        ):
            return None
        first = self._place(month_number(name), 1, None, whole_month=True)
        return a_month(first.year, first.month)

    def _bare_weekday(self, m: re.Match[str]) -> Meaning:
        weekday = weekday_number(m["weekday"])
        moved = m["prep"].lower() in {"to", "for"}  # "moved it to Tuesday" looks ahead
        past = (self.tense is Tense.PAST and not moved) or m["prep"].lower() == "since"
        ahead = (weekday - self.today.weekday()) % 7
        return a_day(self.today + timedelta(days=ahead - 7 if past and ahead else ahead), m["part"])

    # Relative days ---------------------------------------------------------------------------------------------------
    def _today(self, m: re.Match[str]) -> Meaning:
        return a_day(self.today, m["part"])

    def _tonight(self, _m: re.Match[str]) -> Meaning:
        return a_day(self.today, "evening")

    def _last_night(self, _m: re.Match[str]) -> Meaning:
        return a_day(self.today - timedelta(days=1), "night")

    def _yesterday(self, m: re.Match[str]) -> Meaning:
        return a_day(self.today - timedelta(days=1), m["part"])

    def _tomorrow(self, m: re.Match[str]) -> Meaning:
        return a_day(self.today + timedelta(days=1), m["part"])

    def _before_yesterday(self, _m: re.Match[str]) -> Meaning:
        return a_day(self.today - timedelta(days=2))

    def _after_tomorrow(self, _m: re.Match[str]) -> Meaning:
        return a_day(self.today + timedelta(days=2))

    def _weekday(self, m: re.Match[str]) -> Meaning | None:
        if m["weekday"] in {"sun", "sat", "wed"} and m["which"].lower() == "this":
            return None  # "this sun is lovely"
        weekday, which = weekday_number(m["weekday"]), m["which"].lower()
        if which in {"last", "past", "this past"}:
            back = (self.today.weekday() - weekday) % 7 or 7
            return a_day(self.today - timedelta(days=back), m["part"])
        if which == "next":
            monday = self.today + timedelta(days=7 - self.today.weekday())
            return a_day(monday + timedelta(days=weekday), m["part"])
        ahead = (weekday - self.today.weekday()) % 7
        return a_day(self.today + timedelta(days=ahead), m["part"])

    def _ago(self, m: re.Match[str]) -> Meaning:
        return self._shift(self.today, m["unit"], -count(m["count"]), exact=bool(m["sharp"]))

    def _weekdays_ago(self, m: re.Match[str]) -> Meaning:
        back = count(m["count"])
        if m["weekday"].lower() == "weekend":
            first = self.today + timedelta(days=5 - self.today.weekday() - 7 * back)
            return Meaning(first, first + timedelta(days=1), Precision.DAY, f"the weekend of {say_day(first)}")
        days = (self.today.weekday() - weekday_number(m["weekday"])) % 7 or 7
        return a_day(self.today - timedelta(days=days + 7 * (back - 1)))

    def _lasting(self, m: re.Match[str]) -> Meaning | None:
        """How long something has lasted, as when it began: "I have had them for three years now"."""
        since = m.groupdict().get("since")
        if not m["now"] and not since and not _STILL.search(m.string, 0, m.start()):
            return None  # "stayed for two weeks"
        return replace(self._shift(self.today, m["unit"], -count(m["count"])), since=True)

    def _vague_ago(self, m: re.Match[str]) -> Meaning | None:
        unit = m["unit"].lower()
        if unit in {"day", "week"}:
            return Meaning(self.today, self.today, Precision.MONTH, f"shortly before {say_day(self.today)}")
        if unit == "month":
            return Meaning(
                self.today,
                self.today,
                Precision.YEAR,
                f"some months before {MONTHS[self.today.month - 1]} {self.today.year}",
            )
        return Meaning(self.today, self.today, Precision.YEAR, f"some years before {self.today.year}")

    def _from_now(self, m: re.Match[str]) -> Meaning:
        base = self.today + timedelta(days=1) if m["base"].lower() in {"tomorrow", "tmrw"} else self.today
        return self._shift(base, m["unit"], count(m["count"]), exact=True)

    def _in_n(self, m: re.Match[str]) -> Meaning | None:
        if self.tense is Tense.PAST and m["in"].lower() == "in" and not m["sharp"]:
            return None  # "walked it in two days" is a duration
        return self._shift(self.today, m["unit"], count(m["count"]))

    # Longer stretches ------------------------------------------------------------------------------------------------
    def _after_next(self, m: re.Match[str]) -> Meaning:
        """`the weekend after next`: one later than the next."""
        unit = m["unit"].lower()
        if unit == "month":
            return a_month(*carried(self.today.year, self.today.month + 2))
        if unit == "year":
            return a_year(self.today.year + 2)
        first = self.today + timedelta(days=(12 if unit == "weekend" else 14) - self.today.weekday())
        last = first + timedelta(days=1 if unit == "weekend" else 6)
        return Meaning(first, last, Precision.DAY, f"the {unit} of {say_day(first)}")

    def _weekend(self, m: re.Match[str]) -> Meaning:
        saturday = self.today + timedelta(days=5 - self.today.weekday())
        which = m["which"].lower()
        weeks = -1 if which in {"last", "past", "this past"} else 1 if which == "next" else 0
        first = saturday + timedelta(weeks=weeks)
        return Meaning(first, first + timedelta(days=1), Precision.DAY, f"the weekend of {say_day(first)}")

    def _unit(self, m: re.Match[str]) -> Meaning:
        which, unit, edge = m["which"].lower(), m["unit"].lower(), m["edge"]
        step = {"last": -1, "past": -1, "next": 1, "coming": 1}.get(which, 0)
        if unit == "week":
            first = self.today - timedelta(days=self.today.weekday()) + timedelta(weeks=step)
            value = Meaning(first, first + timedelta(days=6), Precision.DAY, f"the week of {say_day(first)}")
        elif unit == "month":
            value = a_month(*carried(self.today.year, self.today.month + step))
        else:
            value = a_year(self.today.year + step)
        if edge is None:
            return value
        edge = edge.lower() if edge.lower().startswith("the ") else f"the {edge.lower()}"
        return Meaning(value.first, value.last, value.precision, f"{edge}{value.label}")

    def _season(self, m: re.Match[str]) -> Meaning:
        which, name = m["which"].lower(), m["season"].lower()
        start = SEASON_START[name]
        begun = self.today.month >= start
        over = (self.today.month, self.today.day) >= (start + 3, 1) if start < 12 else False
        year = self.today.year
        if which in {"last", "past"}:
            year -= 0 if over else 1
        elif which in {"next", "coming", "this coming"}:
            year += 1 if begun else 0
        elif name == "winter" and self.today.month < 3:
            year -= 1
        return a_season(name, year)

    def _month(self, m: re.Match[str]) -> Meaning | None:
        number, which, year = month_number(m["month"]), m["which"].lower(), self.today.year
        if which in {"last", "past"}:
            year -= 0 if number < self.today.month else 1
        elif number < self.today.month or (which == "next" and number == self.today.month):
            year += 1
        return a_month(year, number)

    # Placing ---------------------------------------------------------------------------------------------------------
    def _place(
        self, month: int, day: int, year: str | None, *, whole_month: bool = False, tense: Tense | None = None
    ) -> date:
        tense = tense or self.tense
        if year:
            return date(int(year), month, day)
        found: list[date] = []
        for candidate in (self.today.year - 1, self.today.year, self.today.year + 1):
            try:
                found.append(date(candidate, month, day))
            except ValueError:  # 29 February of a common year
                continue
        if not found:
            raise ValueError("no such day in these years")
        slack = 31 if whole_month else 1  # the running month and today itself fit both tenses
        if tense is Tense.FUTURE:
            ahead = [d for d in found if (d - self.today).days > -slack]
            return min(ahead or found)
        if tense is Tense.PAST:
            back = [d for d in found if d <= self.today]
            return max(back or found)
        return min(found, key=lambda d: abs((d - self.today).days))

    def _days(self, back: int, ahead: int) -> list[date]:
        return [self.today + timedelta(days=n) for n in range(back, ahead + 1)]

    def _nearest(self, days: list[date], tense: Tense | None = None) -> Meaning | None:
        if (tense or self.tense) is Tense.PAST:
            days = [d for d in days if d <= self.today]
        else:
            days = [d for d in days if d >= self.today] or days
        return a_day(min(days, key=lambda d: abs((d - self.today).days))) if days else None

    def _shift(self, base: date, unit: str, count: int, *, exact: bool = False) -> Meaning:
        unit = unit.lower()
        if unit in {"day", "week", "wk", "fortnight"}:
            days = {"day": 1, "week": 7, "wk": 7, "fortnight": 14}[unit]
            return a_day(base + timedelta(days=days * count))
        if unit == "month":
            year, month = carried(base.year, base.month + count)
            return a_day(clamped(year, month, base.day)) if exact else a_month(year, month)
        return a_year(base.year + count)
