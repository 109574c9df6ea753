"""Turns that only make sense beside an earlier one: answers to a question, and fragments that correct a statement. For
the local extractor.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.domain.dates import Precision
from app.domain.temporal import resolve
from workers.extract.sentences import Clause


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence with its subject, its dates made absolute, and the event that said it."""

    sentence: str
    event_id: UUID


@dataclass(frozen=True, slots=True)
class Corrected:
    """A statement said anew with the value that was meant, and the event that had it wrong."""

    sentence: str
    event_id: UUID


_CUE = re.compile(r"\b(?:no+|nope|sorry|oops|whoops|wait|actually|correction|i mean)\b")
_MEANT = re.compile(
    r"^(?:(?:I|i) (?:meant|mean)(?: to (?:say|write|type))?|make (?:that|it)|scratch that,?|rather|should be"
    r"|should say"
    r"|should have been)\s+(?P<value>.+)$",
    re.IGNORECASE,
)
_MOVED = re.compile(
    r"^(?:(?:it|they|that|this|the \w+)(?:'s| is| was| got| has| have| been)*\s+)?(?:been\s+|got\s+)?"
    r"(?:moved|pushed(?: back)?|postponed|rescheduled|changed|shifted|brought forward"
    r"|delayed)\s+(?:it\s+)?(?:back |forward )?"
    r"(?:to|until|till)\s+(?P<value>.+)$",
    re.IGNORECASE,
)
_IT_IS = re.compile(
    r"^(?:it|that|they)(?:'s|'re| is| are| was)(?: actually| really| now| at| on)*\s+(?P<value>.+)$", re.IGNORECASE
)
_NOT_BUT = re.compile(
    r"^(?:it(?:'s| is| was) )?not (?P<old>[\w:.' -]{1,40}?)(?:,| but| it's| -) ?(?P<new>[\w:.' -]{1,40})(?P<rest>)$",
    re.IGNORECASE,
)
_BUT_NOT = re.compile(
    r"^(?:it(?:'s| is| was) )?(?P<new>[\w:.' -]{1,40}?),? not (?P<old>[\w:.' -]{1,40}?)(?P<rest>, [\w,' -]{2,60})?$",
    re.IGNORECASE,
)
_WHOLE = re.compile(r"^(?:I|we|he|she|they|you|my|our|his|her|their)\b", re.IGNORECASE)
_ARTICLE = re.compile(r"^(?:an?|the|my|on|at|in)\s+", re.IGNORECASE)
_TAIL = re.compile(r"\s*(?:now|instead|then|actually|of course|again|sorry|please)$", re.IGNORECASE)
_WEEKDAY = re.compile(
    r"^(?:mon|tues|wednes|thurs|fri|satur|sun)day(?: (?:morning|afternoon|evening|night))?$", re.IGNORECASE
)
_NTH = re.compile(r"^(?:on )?the (?P<day>\d{1,2})(?:st|nd|rd|th)$", re.IGNORECASE)
_TIME = re.compile(r"\b(?:\d{1,2}[:.]\d{2}(?:\s?[ap]m)?|\d{1,2}\s?[ap]m|half \w+|noon|midnight)\b", re.IGNORECASE)
_AMOUNT = re.compile(
    r"[$\u20ac\u00a3]?\b\d[\d.,]*\s?(?:k|kg|g|cm|m|km|%|quid|euros?|dollars?|pounds?|people|guests|miles)?(?![\w:])",
    re.IGNORECASE,
)
_NAME = re.compile(r"\b[A-Z][\w\u00c0-\u024f-]+(?:\s+[A-Z][\w\u00c0-\u024f-]+)*")
_NUMBER_ONLY = re.compile(rf"^(?:about |around )?{_AMOUNT.pattern}$", re.IGNORECASE)
SHORT = 5  # words of a bare value
FAR_BACK = 6  # statements


def corrected(clause: Clause, history: Sequence[Said], said_at: datetime) -> Corrected | None:
    """The earlier statement that a fragment puts right, with the new value in the place of the old one."""
    if not history:
        return None
    text, cued = clause.text, bool(_CUE.search(clause.lead))
    for pattern in (_NOT_BUT, _BUT_NOT):
        swap = pattern.match(text)
        if swap:
            if _WHOLE.match(swap["new"]):
                return None  # "I am secretary now, not treasurer" says all of it
            old, new = (_ARTICLE.sub("", swap[name].strip()) for name in ("old", "new"))
            return _swapped(history, old, f"{new}{swap['rest'] or ''}")
    for pattern in (_MEANT, _MOVED):
        meant = pattern.match(text)
        if meant and len(meant["value"].split()) <= SHORT + 3:
            return _revalued(history, meant["value"], said_at)
    if not cued:
        return None
    plain = _IT_IS.match(text)
    value = plain["value"] if plain else text
    return _revalued(history, value, said_at) if len(value.split()) <= SHORT else None


def _swapped(history: Sequence[Said], old: str, new: str) -> Corrected | None:
    pattern = re.compile(rf"(?<!\w){re.escape(old)}(?!\w)", re.IGNORECASE)
    for said in _latest(history):
        if pattern.search(said.sentence):
            return Corrected(pattern.sub(lambda _: new, said.sentence, count=1), said.event_id)
    return None


def _revalued(history: Sequence[Said], value: str, said_at: datetime) -> Corrected | None:
    """The last statement that holds a value of the same sort, with this one instead."""
    value = _TAIL.sub("", value.strip(" .,!"))
    for said in _latest(history):
        sentence = _in_place(said.sentence, value, said_at)
        if sentence is not None and sentence != said.sentence:
            return Corrected(sentence, said.event_id)
    return None


def _in_place(sentence: str, value: str, said_at: datetime) -> str | None:
    nth = _NTH.match(value)
    if nth:
        days = [s for s in resolve(sentence, said_at) if s.when.precision is Precision.DAY and not s.until]
        if not days:
            return None
        wording = re.sub(r"\b\d{1,2}(?= [A-Z])", nth["day"], days[-1].wording)
        return f"{sentence[: days[-1].start]}{wording}{sentence[days[-1].end :]}"
    dated = f"on {value}" if _WEEKDAY.match(value) else value
    spans = resolve(dated, said_at)
    if spans and (spans[0].start <= 3 or _TIME.search(dated)):
        there = resolve(sentence, said_at)
        if not there:
            return None
        kept = sentence[: there[-1].start], sentence[there[-1].end :]
        clock = _TIME.search(dated)
        tail = _TIME.sub(clock.group(), kept[1]) if clock else kept[1]
        return f"{kept[0]}{_lower(spans[0].wording)}{tail}"
    for kind in (_TIME, _AMOUNT, _NAME):
        whole = kind.fullmatch(value)
        if whole is None:
            continue
        dates = resolve(sentence, said_at)
        found = [
            m
            for m in kind.finditer(sentence)
            if m.group() != "I" and m.start() > 0 and not any(s.start <= m.start() < s.end for s in dates)
        ]
        if kind is _AMOUNT:
            found = [m for m in found if not _TIME.match(sentence, m.start())]
        if found:
            last = found[-1]
            return f"{sentence[: last.start()]}{value}{sentence[last.end() :]}"
    return None


def _lower(wording: str) -> str:
    return wording[:1].lower() + wording[1:]


def _latest(history: Sequence[Said]) -> Sequence[Said]:
    return history[: -FAR_BACK - 1 : -1]


_WHATS = re.compile(
    r"^(?:and |so |but )?(?:what(?:'s| is| are| was)|which is|who(?:'s| is))\s+(?P<owner>your|the|his|her|its"
    r"|their)\s+"
    r"(?P<noun>[a-z][\w' -]{1,40}?)(?P<called>\s+(?:called|named))?(?:,? (?:then|again|by the way))?$",
    re.IGNORECASE,
)
_NAME_OF = re.compile(r"^(?P<of>[\w' -]{2,40}?)(?:'s)? name$|^name of (?P<of2>[\w' -]{2,40})$", re.IGNORECASE)
_HOW_ARE = re.compile(r"^how (?P<how>tall|old|heavy) are you\b", re.IGNORECASE)
_WHERE = re.compile(r"^where (?:do|are) you (?P<verb>live|living|based|work|from)\b", re.IGNORECASE)
_HAVE = re.compile(
    r"^(?:do|have) you (?:have |got )(?:any |a |an )?(?P<what>[a-z][\w -]{1,30})$"
    r"|^any (?P<what2>[a-z]+)(?: at home| of your own)?$",
    re.IGNORECASE,
)
_HOW_MANY = re.compile(r"^how many (?P<what>[a-z]+) (?:do you have|have you got|are there)\b", re.IGNORECASE)
_NOT_VALUE = re.compile(
    r"^(?:yes|no|yeah|nope|not|it|i|we|they|he|she|why|what|that|this|the one|same|both|any)\b", re.IGNORECASE
)
_NUMBER_WORD = re.compile(r"^(?:\d+|one|two|three|four|five|six|seven|eight|nine|ten|a|an|just)\b", re.IGNORECASE)


def answered(text: str, asked: str) -> str | None:  # noqa: PLR0911 - one return for each way of asking
    """A short answer and its question as one sentence: asked for the dog's name, "Biscuit" is "my dog ..."."""
    if len(text.split()) > 10:
        return None
    whats = _WHATS.match(asked)
    plain = _IT_IS.match(text)
    value = plain["value"] if plain else text
    if whats and not _NOT_VALUE.match(value):
        owner = "my" if whats["owner"].lower() in {"your", "the", "its"} else whats["owner"].lower()
        noun = whats["noun"].lower()
        of = _NAME_OF.match(noun)
        if of:
            return (
                f"{owner} {(of['of'] or of['of2']).removeprefix('the ').removesuffix(chr(39) + 's')} is called {value}"
            )
        return f"{owner} {noun} is {'called ' if whats['called'] else ''}{value}"
    if _NOT_VALUE.match(text):
        return None
    how = _HOW_ARE.match(asked)
    if how:
        return (
            f"I am {text} {how['how']}" if len(text.split()) <= 2 and how["how"].lower() == "tall" else f"I am {text}"
        )
    where = _WHERE.match(asked)
    if where:
        verb = where["verb"].lower()
        place = re.sub(r"^(?:in|at|near|from)\s+", "", text)
        return f"I am from {place}" if verb == "from" else f"I {'work' if verb == 'work' else 'live'} in {place}"
    if (_HAVE.match(asked) or _HOW_MANY.match(asked)) and _NUMBER_WORD.match(text):
        many = _HOW_MANY.match(asked)
        return f"I have {_counted(text, many['what'])}" if many else f"I have {text}"
    return None


def _counted(text: str, what: str) -> str:
    """The number with what was counted: "two" and "kids" -> "two kids"."""
    head, comma, rest = text.partition(",")
    return f"{head} {what}{comma}{rest}" if len(head.split()) == 1 else text
