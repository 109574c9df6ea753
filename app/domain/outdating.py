"""Whether a later statement makes an earlier one untrue without naming its key: "Jenkins is switched off" and "the team
uses Jenkins". Pure; called by `decide` for near memories of a statement that no model has compared with them.

A word of change must stand beside something specific that both statements name, both must be about the same person, and
the earlier one must be of the kind that such a word can end. Cosine only nominates.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from app.domain import lexical
from app.domain.change import Neighbour
from app.domain.memory import Candidate, MemoryType
from app.domain.outdating_words import BESIDE, COMMON_WORDS, DONE, LEFT, MOVED, OPEN, OVER, OWING, TOGETHER

NEAR_WORDS = 4  # between a word of change and what changes ("the cold shower is out"; choice)
_COMMON = frozenset(lexical.tokens(COMMON_WORDS))
NEAR_COUNT = 2  # between a number and what is counted (choice)
_WORD = re.compile(r"\d[\d.,]*\d|[\w'\u2019-]+")
_NUMBER = re.compile(r"\d[\d.,]*")
_MONTH = "January|February|March|April|May|June|July|August|September|October|November|December"
_DATE = re.compile(rf"\b(?:\d{{1,2}} )?(?:{_MONTH})(?: \d{{4}})?\b|\b(?:19|20)\d\d\b")
_REFUSED = re.compile(
    rf"\bnot (?:on |in )?(?P<day>(?:\d{{1,2}} )?(?:{_MONTH}))\b(?: \d{{4}})?"
    r"(?:,? (?:any ?more|any longer|after all)\b|,| but)"
)
_AMOUNT = re.compile(
    r"(?:[$\u20ac\u00a3]\s?)?(?<![\w.])(?P<value>\d[\d.,:]*)\s?(?P<unit>[a-z%\u20ac][a-z%/]{0,9})?", re.IGNORECASE
)
_UNITS = {
    "cents": "ct", "cent": "ct", "kilos": "kg", "kilo": "kg", "euros": "eur", "euro": "eur", "\u20ac": "eur",
    "dollars": "usd", "pounds": "gbp", "quid": "gbp", "minutes": "min", "mins": "min", "hours": "h", "hrs": "h",
    "kilometres": "km", "kilometers": "km", "days": "day", "weeks": "week", "months": "month",
}  # fmt: skip
_SHORT_UNITS = frozenset(["kg", "km", "ct", "g", "m", "cm", "min", "h", "eur", "usd", "gbp", "%"])
_SHORT_UNITS = frozenset(["kg", "km", "ct", "g", "m", "cm", "min", "h", "eur", "usd", "gbp", "%"])
_SHORT_UNITS = frozenset(["kg", "km", "ct", "g", "m", "cm", "min", "h", "eur", "usd", "gbp", "%"])
_NEW_FIGURE = re.compile(
    r"\b(?:now|down to|up to|instead|new|these days|already at|is at|says?"
    r"|said)\b",
    re.IGNORECASE,
)
_RELATIONS = (
    r"mum|mom|mother|dad|father|parents|sister|brother|son|daughter|kids?|children|twins|baby|wife|husband|hubby"
    r"|partner"
    r"|girlfriend|boyfriend|fianc\w+|gran\w*|nan|uncle|aunt\w*|cousin|niece|nephew|friend|mate|flatmate|roommate"
    r"|housemate|boss|manager|colleague|coworker|neighbou?r|landlord|landlady|teacher|tutor|therapist|coach|dog|cat"
    r"|puppy|kitten|horse|parrot|rabbit|hamster|tortoise|\w+-in-law|ex"
)
_OTHERS = re.compile(
    rf"^(?:The user's |The |[A-Z][\w-]+'s )(?:\w+[ -]){{0,2}}?(?P<relation>{_RELATIONS})\b(?:,? (?P<name>[A-Z][\w-]+))?"
)
_OPENS_NAME = re.compile(r"^([A-Z][\w\u00c0-\u024f-]+)(?='s\b| [a-z])")
_NO_NAMES = frozenset(
    word
    for line in (
        "The In On At Since From By Until To For A An It This That There Every No One Two Asked Their His Her They He",
        "She Now Here All Some Most",
    )
    for word in line.split()
)


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two statements."""

    text: str
    type: MemoryType


@dataclass(frozen=True, slots=True)
class _Read:
    """What is in a text, read once."""

    person: str
    topics: dict[str, tuple[int, ...]]  # specific words as stems, with their places
    names: dict[str, tuple[int, ...]]  # those of them that are names
    done: tuple[int, ...]
    over: tuple[int, ...]
    left: tuple[int, ...]
    moved: tuple[int, ...]
    beside: bool
    open: bool
    owing: bool
    shared_life: bool
    days: frozenset[str]  # its dates, as they are written
    refused: frozenset[str]  # those that do not hold: "not September any more"
    amounts: frozenset[tuple[str, str]]  # (unit, value)
    counts: tuple[tuple[int, str], ...]  # (place, number)
    new_figure: bool
    low: str


def outdates(new: Side, old: Side) -> str | None:
    """Why `new`, said later, makes `old` untrue (`done`, `over`, `moved`, `new_figure`), or None."""
    a, b = _read(old.text), _read(new.text)
    if b.beside or not _same_person(a, b) or (old.type is MemoryType.EPISODE and not a.open):
        return None
    shared = _places(a.topics, b.topics)
    who = [0] if b.person not in {"user", a.person} else []  # somebody whom the earlier one names: "Ravi moved out"
    plan = old.type is MemoryType.FORESIGHT
    replaced = (_beside(b.moved, shared) and _moves(old, a, b)) or (plan and bool(a.days & b.refused))
    found = {
        "done": (a.open or plan) and _beside(b.done, [*shared, *_owed(a, b, who)]),
        "over": old.type is not MemoryType.EPISODE and _is_over(a, b, shared, who),
        "moved": replaced,
        "new_figure": bool(shared) and b.new_figure and (_other_figure(a, b) or _other_count(a, b)),
    }
    return next((why for why, holds in found.items() if holds), None)


def _owed(a: _Read, b: _Read, who: list[int]) -> list[int]:
    """Where the one to whom something is owed is named."""
    return [*_places(a.topics | a.names, b.topics | b.names), *who] if a.owing else []


def _is_over(a: _Read, b: _Read, shared: list[int], who: list[int]) -> bool:
    named = _places(a.names, b.topics | b.names) if a.shared_life else []  # "jenkins" is Jenkins
    return _beside(b.over, [*shared, *named]) or (a.shared_life and _beside(b.left, who))


def _places(one: dict[str, tuple[int, ...]], other: dict[str, tuple[int, ...]]) -> list[int]:
    """Where the words that both hold stand in the other."""
    return [place for stem in one.keys() & other.keys() for place in other[stem]]


def _same_person(a: _Read, b: _Read) -> bool:
    """Whether both are about the same person, or one names the person whom the other is about."""
    return a.person == b.person or any(
        x.person != "user" and re.search(rf"\b{re.escape(x.person)}\b", y.low) for x, y in ((a, b), (b, a))
    )


def _beside(cues: tuple[int, ...], places: list[int]) -> bool:
    return any(abs(cue - place) <= NEAR_WORDS for cue in cues for place in places)


def _moves(old: Side, a: _Read, b: _Read) -> bool:
    """Whether something takes the place of what was said: another day of a plan, another figure of the same thing."""
    if old.type is MemoryType.FORESIGHT:
        return bool(b.days)
    return _other_figure(a, b)


def _other_figure(a: _Read, b: _Read) -> bool:
    """One figure of a unit on each side, and another one."""
    for unit in {unit for unit, _ in a.amounts} & {unit for unit, _ in b.amounts}:
        before = {value for u, value in a.amounts if u == unit}
        after = {value for u, value in b.amounts if u == unit}
        if unit and len(before) == 1 and not before & after:
            return True
    return False


def _other_count(a: _Read, b: _Read) -> bool:
    """One number beside the same thing on each side, and another one: "340 slides" and "slides 1,120 done"."""
    for stem in a.topics.keys() & b.topics.keys():
        before, after = (
            {value for place, value in side.counts for at in side.topics[stem] if abs(at - place) <= NEAR_COUNT}
            for side in (a, b)
        )
        if len(before) == 1 and len(after) == 1 and before != after:
            return True
    return False


@lru_cache(maxsize=8_192)
def _read(text: str) -> _Read:
    days = frozenset(_short(m.group()) for m in _DATE.finditer(text))
    bare = _DATE.sub(" ", text)
    words = [(m.start(), m.group()) for m in _WORD.finditer(bare)]
    person = person_of(bare)
    own = frozenset(lexical.tokens(person))
    topics: dict[str, tuple[int, ...]] = {}
    names: dict[str, tuple[int, ...]] = {}
    for place, (start, word) in enumerate(words):
        named = word[0].isupper() and start and bare[start - 2 : start] not in {". ", ": "}
        kept = names if named and bare[max(0, start - 4) : start].lower() != "the " else topics  # "the Octavia"
        for stem in lexical.tokens(word):
            if stem not in _COMMON and stem not in _UNITS and stem not in own and stem.isalpha() and len(stem) > 2:
                kept[stem] = (*kept.get(stem, ()), place)

    def places(pattern: re.Pattern[str]) -> tuple[int, ...]:
        spans = [(m.start(), m.end()) for m in pattern.finditer(bare)]
        return tuple(i for i, (at, _) in enumerate(words) if any(start <= at < end for start, end in spans))

    return _Read(
        person=person,
        topics=topics,
        names=names,
        done=places(DONE),
        over=places(OVER),
        left=places(LEFT),
        moved=places(MOVED),
        beside=BESIDE.search(bare) is not None,
        open=OPEN.search(bare) is not None,
        owing=OWING.search(bare) is not None,
        shared_life=TOGETHER.search(bare) is not None,
        days=days,
        refused=frozenset(_short(m["day"]) for m in _REFUSED.finditer(text)),
        amounts=frozenset((_unit(m["unit"]), m["value"].strip(".,:")) for m in _AMOUNT.finditer(bare)),
        counts=tuple((i, word.strip(".,")) for i, (_, word) in enumerate(words) if _NUMBER.fullmatch(word)),
        new_figure=_NEW_FIGURE.search(bare) is not None,
        low=bare.lower(),
    )


def _short(day: str) -> str:
    """A date without its year: the year of a day that is called off goes without saying."""
    return re.sub(r" (?:19|20)\d\d$", "", day)


def _unit(word: str | None) -> str:
    low = (word or "").lower()
    return _UNITS.get(
        low, low if low in {"kg", "km", "ct", "g", "m", "cm", "min", "h", "eur", "usd", "gbp", "%"} else ""
    )


def person_of(text: str) -> str:
    """Whom a statement is about: `user`, else the name or the relation of another person, lower case."""
    other = _OTHERS.match(text)
    if other:
        return (other["name"] or other["relation"]).lower()
    opening = _OPENS_NAME.match(text)
    return opening[1].lower() if opening and opening[1] not in _NO_NAMES else "user"


def side_of_candidate(candidate: Candidate) -> Side:
    """What `outdates` needs of a candidate."""
    return Side(candidate.text, candidate.type)


def side_of_memory(known: Neighbour) -> Side:
    """What `outdates` needs of a memory."""
    return Side(known.text, known.type)
