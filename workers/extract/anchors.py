"""Dates told by another event: "nine days before the wedding", "the day after". For the local extractor."""

import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from app.domain.dates import Precision
from app.domain.days import carried, clamped, count, say_day, weekday_number
from app.domain.temporal import resolve
from workers.extract.followups import Said

_DISTANCE = re.compile(
    r"(?<![\w-])(?:on )?(?:(?P<count>\d{1,3}|an?|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"
    r"|(?:a )?couple(?: of)?)"
    r"\s+(?P<unit>day|week|fortnight|month)s?|the (?P<near>day|morning|evening|night|week|weekend)"
    r"|the (?P<weekday>monday|tuesday|wednesday|thursday|friday|saturday|sunday))"
    r"\s+(?P<side>before|after)\b(?:\s+(?P<anchor>(?:the|my|our|his|her|their) (?:[a-z-]+ )?[a-z-]+|that|it)\b)?",
    re.IGNORECASE,
)
# How an event is told as a verb.
_VERBS = {"wedding": "marr", "flight": "fly", "move": "moving", "surgery": "operat", "trip": "travel", "exam": "test"}
_COMMON = frozenset(
    ["the", "my", "our", "his", "her", "their", "that", "it", "day", "time", "one", "first", "last", "end", "start"]
)


def anchored(text: str, history: Sequence[Said], said_at: datetime) -> str:
    """`text` with the distances to known events followed by the day that they mean."""
    here = resolve(text, said_at)

    def dated(match: re.Match[str]) -> str:
        if any(span.start < match.end() and match.start() < span.end for span in here):
            return match.group()
        base = _base(match["anchor"], match["side"], text[: match.start()], history, said_at)
        if base is None:
            return match.group()
        first, last = base
        side = match["side"].lower()
        day = _placed(match, last if side == "after" else first, 1 if side == "after" else -1)
        return f"on {say_day(day)}{_named(match)}"

    return _DISTANCE.sub(dated, text)


def _named(match: re.Match[str]) -> str:
    """The distance itself, where it names its event."""
    anchor = (match["anchor"] or "").lower()
    if anchor in {"", "that", "it"}:
        return ""
    return f" ({re.sub(r'^on ', '', match.group(), flags=re.IGNORECASE)})"


def _placed(match: re.Match[str], day: date, sign: int) -> date:
    if match["weekday"]:
        gap = (weekday_number(match["weekday"]) - day.weekday()) * sign % 7 or 7
        return day + timedelta(days=gap * sign)
    if match["near"]:
        return day + timedelta(days=(7 if match["near"].lower() == "week" else 1) * sign)
    number, unit = count(match["count"]), match["unit"].lower()
    if unit == "month":
        return clamped(*carried(day.year, day.month + number * sign), day.day)
    return day + timedelta(days=number * {"day": 1, "week": 7, "fortnight": 14}[unit] * sign)


def _base(
    anchor: str | None, side: str, before: str, history: Sequence[Said], said_at: datetime
) -> tuple[date, date] | None:
    """First and last day of the event that is meant: the latest dated sentence that names it."""
    named = [w for w in (anchor or "").lower().split() if w not in _COMMON]
    sentences = [before, *(said.sentence for said in reversed(history))]
    for sentence in sentences[:12]:
        told = sentence.lower()
        if named and named[-1] not in told and _VERBS.get(named[-1], named[-1]) not in told:
            continue
        spans = [s for s in resolve(sentence, said_at) if s.when.precision is Precision.DAY]
        if spans:
            span = spans[0] if side == "before" else spans[-1]
            first = date.fromisoformat(span.when.text)
            return first, date.fromisoformat(span.until.text) if span.until else first
    return None
