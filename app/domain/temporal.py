"""Relative time in words, resolved in the offset in which it was said: "last Friday" -> "on 2 May 2025". Pure.

Used by extraction (statements carry no relative words) and by recall (time words in a question). Conventions: "last
Friday" is the latest one before today, "next Friday" that of the following calendar week, "this Friday" the first from
today on; weeks start on Monday; seasons are those of the northern hemisphere; a date without a year is the nearest that
fits the tense.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime

from app.domain.dates import CalendarDate, Precision
from app.domain.days import Meaning
from app.domain.temporal_rules import Reading, Tense


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """A time expression at text[start:end]: the first and last calendar value that it covers (`until` None: just
    `when`), and how to say it without reference to the day on which it was said.
    """

    start: int
    end: int
    when: CalendarDate
    until: CalendarDate | None
    wording: str
    open_start: bool = False  # "since 2019": true from then on
    open_end: bool = False  # "until May": true up to then


_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)\b(?:\.(?=\s*\d))?"
)
_DAY = r"(?P<day>[12]\d|3[01]|0?[1-9])"
_TO_DAY = r"\s?(?:-|\u2013|to|and|until)\s?(?P<day2>[12]\d|3[01]|0?[1-9])"
_ST = r"(?:st|nd|rd|th)"
_FULL = r"monday|tuesday|wednesday|thursday|friday|saturday|sunday"
_WEEKDAY = rf"(?P<weekday>{_FULL}|mon|tues?|wed|thu(?:rs?)?|fri|sat|sun)"
_DAY_NAME = rf"(?P<weekday>{_FULL})"
_YEAR = r"(?P<year>(?:19|20)\d\d)"
_OF_YEAR = rf"(?:,?\s+{_YEAR})?"
_COUNT = r"(?P<count>\d{1,3}|an?|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|(?:a )?couple(?: of)?)"
_UNIT = r"(?P<unit>day|week|fortnight|month|year|yr|wk)s?"
_SEASON = r"(?P<season>spring|summer|autumn|fall|winter)"
_WHICH = r"(?P<which>last|next|this coming|this past|coming|this|past)"
_ABOUT = r"(?:about|around|exactly|just|like|almost|nearly|over)"
_PREP = r"(?:(?P<prep>on|in|at|since|until|till?|by|from|before|after|around|during|for|of|about|as of|starting)\s+)?"
_THE = r"(?:the\s+)?"
# "on Saturday mornings" comes again and again: no day.
_PART = (
    r"(?!\s+(?:mornings|afternoons|evenings|nights)\b)(?:\s+(?:in the\s+)?(?P<part>morning|afternoon|evening|night))?"
)
_END = r"(?P<own>['\u2019]s)?(?![\w-])"
_NOT_TIME = r"(?!\s*(?:%|k\b|:\d|am\b|pm\b))"
_EDGE = r"(?:earlier\s+|later\s+|(?P<edge>(?:the\s+)?(?:end|start|beginning|middle)\s+of\s+))?"

# Most specific first: a later pattern never touches what an earlier one has taken.
_PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(rf"(?<![\w-]){_PREP}{body}{_END}", re.IGNORECASE))
    for name, body in (
        ("iso", r"(?P<iso>(?:19|20)\d\d-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12]\d|3[01]))?)"),
        ("range", rf"{_DAY}{_ST}?{_TO_DAY}{_ST}?\s+(?:of\s+)?{_MONTH}{_OF_YEAR}"),
        ("range", rf"{_MONTH}\s+{_DAY}{_ST}?{_TO_DAY}{_ST}?{_OF_YEAR}"),
        ("dated", rf"(?:{_DAY_NAME},?\s+)?{_THE}{_DAY}{_ST}?\s+(?:of\s+)?{_MONTH}{_OF_YEAR}"),
        ("dated", rf"(?:{_DAY_NAME},?\s+)?{_MONTH}\s+{_THE}{_DAY}{_ST}?{_NOT_TIME}{_OF_YEAR}"),
        ("month_year", rf"{_MONTH},?\s+(?:of\s+)?{_YEAR}"),
        ("before_yesterday", r"(?:the\s+)?day before yesterday"),
        ("after_tomorrow", r"(?:the\s+)?day after tomorrow"),
        ("weekdays_ago", rf"{_COUNT}\s+(?P<weekday>{_FULL}|weekend)s?\s+ago"),
        ("ago", rf"(?:{_ABOUT}\s+)?{_COUNT}\s+{_UNIT}\s+ago(?P<sharp>\s+today)?"),
        (
            "lasting",
            (
                rf"(?:for|(?P<since>since))\s+(?:the (?:last|past)\s+)?(?P<about>{_ABOUT}|just\s+(?:over|under)"
                rf"|(?:well |a (?:bit|little)"
                rf" )?over"
                rf"|more than|at least)?\s*{_COUNT}\s+{_UNIT}(?:\s+(?P<now>now|already|so far))?(?!\s+(?:in|of|from"
                rf"|to|at)\b)"
            ),
        ),
        ("lasting", rf"(?:{_ABOUT}\s+)?{_COUNT}\s+{_UNIT}\s+(?P<now>now|so far)"),
        ("vague_ago", r"(?:an?\s+)?(?:\w+(?:\s+and a half)?)\s+(?P<unit>day|week|month|year)s?\s+ago"),
        ("from_now", rf"(?:{_ABOUT}\s+)?{_COUNT}\s+{_UNIT}\s+from\s+(?P<base>now|today|tomorrow|tmrw)"),
        (
            "in_n",
            (
                rf"(?P<in>in|within)\s+(?:{_ABOUT}\s+)?{_COUNT}\s+{_UNIT}(?P<sharp>'?s?\s+time)?(?!\s+(?:before"
                rf"|after|earlier|later)\b)"
            ),
        ),
        ("yesterday", rf"(?:yesterday|yday){_PART}"),
        ("tomorrow", rf"(?:tomorrow|tmrw|tmr|tomoz|2moro){_PART}"),
        ("tonight", r"(?:tonight|tonite)"),
        ("last_night", r"last\s+night"),
        ("today", r"(?:earlier\s+)?(?:today|this\s+(?P<part>morning|afternoon|evening))"),
        ("weekday", rf"{_WHICH}\s+{_WEEKDAY}{_PART}"),
        ("after_next", r"(?:the\s+)?(?P<unit>weekend|week|month|year)\s+after\s+next"),
        ("weekend", rf"{_THE}{_WHICH}\s+weekend"),
        ("season", rf"{_WHICH}\s+{_SEASON}"),
        ("season_year", rf"{_THE}{_SEASON}\s+(?:of\s+)?{_YEAR}"),
        ("month", rf"{_WHICH}\s+{_MONTH}"),
        ("unit", rf"{_EDGE}(?P<which>last|next|this|coming|past)\s+(?P<unit>week|month|year)"),
        ("holiday", r"(?P<holiday>christmas(?: day| eve)?|xmas|new year's(?: day| eve)?|halloween)"),
        ("nth_weekday", rf"{_DAY_NAME},?\s+{_THE}{_DAY}{_ST}"),
    )
)
_TO_WEEKDAY = (  # "moved it to Tuesday", and not "from Monday to Friday"
    r"(?<!day )(?<!mon )(?<!tue )(?<!wed )(?<!thu )(?<!fri )(?<!sat )(?<!sun )(?P<prep>to|for)\s+"
)
_BOUND = r"(?P<prep>on|since|until|till?|by|from|before|after)\s+"
_AROUND = r"(?P<prep>in|on|since|until|till?|by|from|to|before|after|around|during|of|early|late|mid)\s+"
_NOT_NTH = (
    r"(?!\s+(?:of|floor|time|day|week|month|year|grade|birthday|anniversary|street|place|century"
    r"|\w+\s+(?:of|time)))"
)
_NOT_YEAR = r"(?!\s*(?:kg|km|m|g|ml|people|euros?|dollars?|pounds?|%))"
# These need their preposition: "may", "march" and "2019" are also other things.
_PREPOSED: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(rf"(?<![\w-]){body}{_END}", re.IGNORECASE))
    for name, body in (
        ("nth", rf"(?P<prep>on|since|until|till?|by|from|before|after|to)\s+the\s+{_DAY}{_ST}{_NOT_NTH}"),
        ("bare_month", rf"{_AROUND}(?:early\s+|late\s+|mid[- ])?{_MONTH}(?!\s+\d)"),
        ("bare_weekday", rf"{_BOUND}{_WEEKDAY}{_PART}"),
        ("bare_weekday", rf"{_TO_WEEKDAY}{_DAY_NAME}{_PART}"),
        ("year", rf"{_AROUND}(?:early\s+|late\s+)?{_YEAR}{_NOT_YEAR}"),
    )
)
_TRIGGER = re.compile(
    r"\d|day\b|\bmon\b|\btue|\bwed\b|\bthu|\bfri\b|\bsat\b|\bsun\b|\blast\b|\bnext\b|\bthis\b|\bcoming\b"
    r"|\bpast\b|\bago\b|from now|christmas|xmas|new year|halloween"
    r"|tomorrow|tmr|tomoz|2moro|tonight|tonite|\b(?:jan|feb|mar|apr|may|june?|july?|aug|sep|oct|nov|dec)|\bin\s"
    r"|\bwithin\s|\bfor\s|\bsince\s"
    r"|\bnow\b|\bso far\b",
    re.IGNORECASE,
)
_PAST = re.compile(
    r"\b(?:was|were|had|did|didn't|went|took|made|came|saw|met|bought|began|left|won|lost|broke|gave|found|told|felt"
    r"|ran|ate|flew|drove|spent|sold|died|born|been|since|(?<!have )(?<!'ve )got"
    r"|(?!(?:need|feed|speed|indeed|seed|weed|bleed|breed|exceed|proceed|succeed|embed)\b)[a-z]{2,}ed)\b",
    re.IGNORECASE,
)
_FUTURE = re.compile(
    r"\b(?:will|won't|going to|gonna|plan(?:s|ning)?|about to|upcoming|next|soon|until|till|due|book(?:ed|ing)?"
    r"|expect"
    r"|hoping|appointment|starts?|begins?|leav(?:e|es|ing)|mov(?:es|ing)|flying|fly|deadline|scheduled|signed up"
    r"|comes?"
    r"|needs? to|must|have to|runs? out|expires?|arrives?)\b|'ll\b",
    re.IGNORECASE,
)
_CLAUSE_END = re.compile(r"[,;.!?:\n]|\b(?:and|but|so)\b")
_BARE = re.compile(r"\s*(?:is|was|will|are|were|marks|marked|would)\b", re.IGNORECASE)
_ARTICLE = re.compile(r"\b(?:the|this|that|a|for|about)\s+\Z", re.IGNORECASE)
_AFTER_PREPOSITION = re.compile(r"\b(?:to|until|till?|by|from|since|before|after|around|of|than)\s+\Z", re.IGNORECASE)
_OPENING = {"since": True, "starting": True, "as of": True}
_CLOSING = {"until", "till", "til"}


def tense_of(text: str) -> Tense | None:
    """A cue for dates without a year: what the verbs of the sentence look to. None when they say nothing, or both."""
    past, future = bool(_PAST.search(text)), bool(_FUTURE.search(text))
    if past == future:
        return None
    return Tense.PAST if past else Tense.FUTURE


def resolve(text: str, said_at: datetime, tense: Tense | None = None) -> list[TimeSpan]:
    """Every time expression of `text`, in order, resolved against the local day of `said_at` (its own offset counts).

    `tense` decides where dates without a year lie; by default the verbs of its clause tell it.
    """
    if not _TRIGGER.search(text):
        return []
    found: list[TimeSpan] = []
    for name, pattern in (*_PATTERNS, *_PREPOSED):
        for match in pattern.finditer(text):
            if any(match.start() < span.end and span.start < match.end() for span in found):
                continue
            reading = Reading(said_at.date(), tense or _tense_near(text, match))
            resolved = reading.of(name, match)
            if resolved is not None:
                found.append(_worded(text, match, resolved))
    return sorted(found, key=lambda span: span.start)


def absolute(text: str, spans: list[TimeSpan]) -> str:
    """`text` with every expression of `resolve` replaced by its wording."""
    parts: list[str] = []
    at = 0
    for span in spans:
        parts += [text[at : span.start], span.wording]
        at = span.end
    return "".join([*parts, text[at:]])


def _tense_near(text: str, match: re.Match[str]) -> Tense | None:
    """The tense of the clause in which the match stands."""
    ends = [m.end() for m in _CLAUSE_END.finditer(text, 0, match.start())]
    opens = not text[ends[-1] if ends else 0 : match.start()].strip()  # "On Friday, I got the news"
    following = _CLAUSE_END.search(text, match.end() + opens)
    return tense_of(text[ends[-1] if ends else 0 : following.start() if following else len(text)])


def _worded(text: str, match: re.Match[str], meaning: Meaning) -> TimeSpan:
    """The span with its wording: the preposition it needs, unless the text gives one that says more than on/in/at."""
    groups = match.groupdict()
    prep = (groups.get("prep") or "").lower()
    given = "" if prep in {"", "on", "in", "at"} else match["prep"]
    own = bool(groups.get("own"))
    start, end = match.span()
    label = f"{meaning.label} in the {meaning.part}" if meaning.part else meaning.label
    before = text[:start].rstrip(" \"'(")
    sentence_start = not before or before[-1] in "\n.!?"
    if meaning.since:
        wording = f"since about {label}"
    elif own or (
        not prep
        and (_AFTER_PREPOSITION.search(text, 0, start) or _BARE.match(text, end) or _ARTICLE.search(text, 0, start))
    ):
        wording = label
    elif given:
        wording = f"{given} {label}"
    else:
        word = "in" if _in(meaning) else "from" if " to " in label else "on"
        wording = label if label.startswith(("shortly", "some ")) else f"{word} {label}"
    if sentence_start:
        wording = wording[:1].upper() + wording[1:]
    opening, closing = meaning.since or _OPENING.get(prep, False), prep in _CLOSING
    if prep == "from" and re.match(r"\s+(?:until|till?|to)\b", text[end:], re.IGNORECASE) is None:
        opening = True
    when, until = _calendar(meaning)
    return TimeSpan(start, end, when, until, wording + (text[end - 2 : end] if own else ""), opening, closing)


def _in(meaning: Meaning) -> bool:
    return meaning.precision is not Precision.DAY or meaning.label.startswith("the week of")


def _calendar(meaning: Meaning) -> tuple[CalendarDate, CalendarDate | None]:
    first, last = (_date_text(d, meaning.precision) for d in (meaning.first, meaning.last))
    return CalendarDate.parse(first), None if first == last else CalendarDate.parse(last)


def _date_text(day: date, precision: Precision) -> str:
    return day.isoformat()[: {Precision.YEAR: 4, Precision.MONTH: 7}.get(precision, 10)]
