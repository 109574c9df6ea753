"""What a recall asks: the request as plain data, and what its words mean for the signals. Pure; used by recall only."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from app.domain import asked_times, birthdays, temporal
from app.domain.asked_times import Asked
from app.domain.asking import Wanted, wanted_by
from app.domain.birthdays import Birthday
from app.domain.language import ENGLISH, UNKNOWN, language_of
from app.domain.memory import MemoryType
from app.domain.scope import UserScope
from app.domain.temporal import TimeSpan
from app.domain.temporal_rules import Tense

TIME_SLACK = timedelta(days=2)  # SPEC 6: time words boost what lies within two days of them

OF_ALL_TIME = frozenset({Wanted.LIST, Wanted.ORDER, Wanted.COUNT})

_LATEST = re.compile(
    r"\b(?:now|nowadays|current(?:ly)?|latest|these days|at the moment|still|most recent(?:ly)?)\b", re.IGNORECASE
)
_OF_ASSISTANT = re.compile(
    r"\b(?:you|your|yours|assistant|chatbot|bot|tool|ai|recommend(?:ed|ation)?s?|suggest(?:ed|ion)?s?|advi[sc]ed?|answer(?:ed)?)\b",
    re.IGNORECASE,
)
_BETWEEN = re.compile(r"\b(?:between|from)\s*\Z|\Afrom\b", re.IGNORECASE)
_UP_TO = re.compile(r"\s*(?:and|to|until|till?|through|-|\u2013)\s", re.IGNORECASE)
# "What is she called?" asks what holds, though a participle looks like a past; "my former boss" asks for what was.
_PRESENT = re.compile(r"\b(?:am|is|are|do|does)\b|\b(?:what|who|where|how)['\u2019]s\b", re.IGNORECASE)
_WAS = re.compile(r"\b(?:was|were|did|didn't|had)\b", re.IGNORECASE)
_FORMER = re.compile(
    r"\b(?:former(?:ly)?|previous(?:ly)?|earlier|originally|used to|use to|back then|ex-\w+|my old"
    r"|before(?=\W*\Z|\s+(?:that|then|this)\b))\b",
    re.IGNORECASE,
)
_THE_USER = re.compile(r"\bthe user(?P<own>['\u2019]s)?\b", re.IGNORECASE)
_NAME = re.compile(r"(?<![.!?]\s)(?<!^)\b[A-Z][\w'\u2019-]*[\w]", re.MULTILINE)
_POSSESSIVE = re.compile(r"['\u2019]s\Z")
# A month or a weekday is a time, "I" a pronoun; neither names anything.
_NOT_NAMES_TEXT = """
i i'm i've i'd i'll monday tuesday wednesday thursday friday saturday sunday january february march april may june
july august september october november december
"""
_NOT_NAMES = frozenset(_NOT_NAMES_TEXT.split())
# Names that are also words: taken for a name only as they are written.
_WORDS_TOO_TEXT = """
art april august bill bob buck chase chuck daisy dawn drew faith frank grace grant guy hope iris ivy jack jade june joy
lance lily mark may max melody miles nick olive pat pearl penny ray rich rob robin rose ruby rusty sky sue summer violet
wade ward will user assistant system tool
"""
_WORDS_TOO = frozenset(_WORDS_TOO_TEXT.split())


class Mode(StrEnum):
    AUTO = "auto"
    FAST = "fast"
    DEEP = "deep"


class Returns(StrEnum):
    RANKED = "ranked"
    ALL_MATCHES = "all_matches"


class Order(StrEnum):
    SCORE = "score"
    CHRONOLOGICAL = "chronological"


class Format(StrEnum):
    TEXT = "text"
    JSON = "json"
    MESSAGES = "messages"


class Kind(StrEnum):
    """What an item is: a memory, or a raw turn."""

    MEMORY = "memory"
    EVENT = "event"


@dataclass(frozen=True, slots=True)
class Narrowing:
    """What every item must satisfy. `as_of` and `known_at` set the point of view; the rest are plain filters."""

    as_of: datetime | None = None
    known_at: datetime | None = None
    session_id: str | None = None
    agent_id: str | None = None
    occurred_from: datetime | None = None
    occurred_to: datetime | None = None
    kinds: frozenset[Kind] = frozenset(Kind)
    types: frozenset[MemoryType] = frozenset()
    include_archived: bool = False
    latest_only: bool = False
    entities: frozenset[str] = frozenset()  # normalised names, of which a memory has one; of memories only
    scene_id: UUID | None = None  # a memory is in it, or in one below it; of memories only

    @property
    def searched(self) -> tuple[Kind, ...]:
        """The kinds that can be items. A type belongs to memories, so asking for one leaves turns out."""
        return tuple(kind for kind in Kind if kind in self.kinds and not (kind is Kind.EVENT and self.types))


@dataclass(frozen=True, slots=True)
class RecallQuery:
    """A recall, validated and with its defaults filled in. `session_id` adds that session's tail and never filters."""

    scope: UserScope
    text: str
    now: datetime
    session_id: str | None = None
    max_tokens: int = 1_000
    limit: int = 10
    mode: Mode = Mode.AUTO
    returns: Returns = Returns.RANKED
    order: Order = Order.SCORE
    format: Format = Format.TEXT
    trace: bool = False
    tokenizer: str = ""  # the model whose tokens are counted
    narrowing: Narrowing = Narrowing()


@dataclass(frozen=True, slots=True)
class QueryPlan:
    """A question read for each signal.

    `dense` is what the encoder gets: speakers' names are the first person there, because a name drags a small model to
    short generic turns of that speaker (measured on LoCoMo: recall@10 .508 with the name, .645 without). `lexical` is
    what BM25 gets: speakers' names are left out, because they stand in no turn of their own. `spans` are half-open and
    already widened. `language` is `und` where it cannot be told: rules over English words hold for English and for it.
    """

    dense: str
    lexical: str
    speakers: tuple[str, ...]
    names: tuple[str, ...]
    spans: tuple[tuple[datetime, datetime], ...]
    latest: bool
    of_assistant: bool  # it asks what the assistant or a tool said
    wanted: Wanted = Wanted.FACT
    past: bool = False  # it asks what was, or for all there was: what no longer holds is as good an answer
    language: str = UNKNOWN


def understand(text: str, speakers: Iterable[str], now: datetime, known: Sequence[Birthday] = ()) -> QueryPlan:
    """Read a question, given who has spoken to this user, what time it is for the caller, and the `known` birthdays."""
    speakers = tuple(speakers)
    language = language_of(text)
    english = language in {ENGLISH, UNKNOWN}
    dense, lexical, found = _by_speakers(text, speakers, english=english)
    if not re.search(r"\w{2,}", lexical):
        lexical = text
    wanted = wanted_by(text) if english else Wanted.FACT
    return QueryPlan(
        dense=dense,
        lexical=lexical,
        speakers=tuple(sorted(found)),
        names=tuple(dict.fromkeys(_names(lexical))),
        spans=tuple(_spans(text, speakers, now, known, language)),
        latest=english and bool(_LATEST.search(text)),
        of_assistant=english and bool(_OF_ASSISTANT.search(text)),
        wanted=wanted,
        past=english and (wanted in OF_ALL_TIME or _asks_past(text)),
        language=language,
    )


def for_encoder(text: str, speakers: Iterable[str]) -> str:
    """What the encoder gets of a question, alone: `QueryPlan.dense`."""
    return _by_speakers(text, speakers, english=language_of(text) in {ENGLISH, UNKNOWN})[0]


def _by_speakers(text: str, speakers: Iterable[str], *, english: bool) -> tuple[str, str, list[str]]:
    """A question for the encoder and for BM25, and the speakers whom it names."""
    dense, lexical = text, text
    found: list[str] = []
    for speaker in sorted(set(speakers), key=lambda name: (-len(name), name)):
        pattern = _speaker_pattern(speaker)
        if pattern is None or not pattern.search(text):
            continue
        found.append(speaker)
        if english:
            dense = pattern.sub(lambda m: "my" if m["own"] else "I", dense)
        lexical = pattern.sub(" ", lexical)
    if english and not found:  # the user speaks in the first person, and "user" is no word of theirs
        dense = _THE_USER.sub(lambda m: "my" if m["own"] else "I", dense)
        lexical = _THE_USER.sub(" ", lexical)
    return dense, lexical, found


def _asks_past(text: str) -> bool:
    """Whether it asks what was: by its verbs, or by words for what no longer is."""
    if _FORMER.search(text):
        return True
    if _PRESENT.search(text) and not _WAS.search(text):
        return False
    return temporal.tense_of(text) is Tense.PAST


def _speaker_pattern(speaker: str) -> re.Pattern[str] | None:
    """Matches the whole name or its first word, with or without a possessive."""
    words = speaker.split()
    if not words or len(words[0]) < 2:
        return None
    forms = {" ".join(words), words[0]}
    body = "|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True))
    flags = re.NOFLAG if words[0].casefold() in _WORDS_TOO else re.IGNORECASE
    return re.compile(rf"(?<![\w'])(?:{body})(?P<own>['\u2019]s?(?!\w))?(?!\w)", flags)


def _names(text: str) -> Iterable[str]:
    """Capitalised words inside a sentence: they name somebody or something."""
    for match in _NAME.finditer(text):
        name = _POSSESSIVE.sub("", match.group())
        if name.casefold() not in _NOT_NAMES:
            yield name


def _spans(
    text: str, speakers: Iterable[str], now: datetime, known: Sequence[Birthday], language: str
) -> Iterable[tuple[datetime, datetime]]:
    offset = now.utcoffset() or timedelta(0)
    relative = birthdays.resolve(text, now, known, speakers)
    text = _without(text, relative)  # "my birthday last year" is that day, not the year
    asked = asked_times.asked(text, now.date(), temporal.tense_of(text), language)
    for one in asked:
        yield (_midnight(one.first, now) - TIME_SLACK, _midnight(one.last, now) + timedelta(days=1) + TIME_SLACK)
    text = _without(text, asked)
    opened: datetime | None = None  # where a stretch begins: "between 3 March and 10 March"
    spans = [*relative, *temporal.resolve(text, now)]
    for place, span in enumerate(spans):
        start, end = span.when.start(offset), (span.until or span.when).end(offset)
        is_end = opened is not None
        start = start if opened is None else _not_after(opened, end)
        opened = start if any(_reaches(text, span, following) for following in spans[place + 1 : place + 2]) else None
        if opened is None:
            ever = span.open_end and not is_end
            yield (
                now - timedelta(days=36_500) if ever else start - TIME_SLACK,
                (now if span.open_start else end) + TIME_SLACK,
            )


def _not_after(start: datetime, end: datetime) -> datetime:
    """The same day in the last year in which it lies before the end."""
    while start >= end:
        start -= timedelta(days=365)
    return start


def _reaches(text: str, one: TimeSpan, other: TimeSpan) -> bool:
    """Whether two times are the ends of a stretch."""
    begins = _BETWEEN.search(text[: one.start]) or _BETWEEN.match(text[one.start : one.end])
    return begins is not None and _UP_TO.match(text[one.end : other.end]) is not None


def _without(text: str, spans: Iterable[TimeSpan | Asked]) -> str:
    """The text with blanks in the place of what is understood already."""
    for span in spans:
        text = f"{text[: span.start]}{' ' * (span.end - span.start)}{text[span.end :]}"
    return text


def _midnight(day: date, now: datetime) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=now.tzinfo)
