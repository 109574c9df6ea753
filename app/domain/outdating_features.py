"""What a later and an earlier statement have to do with each other, as numbers. Pure; read by `outdating`.

Everything is read off the two statements alone (texts, types, keys, cosine, days between), never off other memories, so
that the order in which statements arrive does not matter.
"""

import re
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from app.domain import lexical
from app.domain.memory import MemoryType

_MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
_DATE = re.compile(
    rf"\b(?:(?:on|in|by|since|until|till|from|to|for|of|the week of|the weekend of)\s+)?"
    rf"(?:(?P<day>\d{{1,2}}) )?(?P<month>{_MONTHS}) (?P<year>\d{{4}})\b|\b(?:in|since|until|from|by)"
    rf" (?P<only>(?:19|20)\d\d)\b"
)
_NUMBER = re.compile(
    r"(?<![\w.])(?:[A-Z]{2,3} |[$\u20ac\u00a3])?(\d[\d.,:]*)\s?([a-z%\u20ac$\u00a3][a-z%/]*)?", re.IGNORECASE
)
_NAME = re.compile(r"(?<![.!?:] )(?<!^)\b[A-Z\u00c0-\u00de][\w\u00c0-\u024f-]+")
_HEAD = re.compile(
    r"^(?P<head>(?:The user's |The user and |[A-Z])?[\w' -]{0,50}?)\s?\b(?P<verb>(?:is|are|was|were|has|have|had"
    r"|will|does|did|can|cannot"
    r"|wants|needs|lives|works|goes|moved|costs|pays|uses|eats|takes|plays|likes|loves|hates|prefers|got|gets"
    r"|plans|keeps|makes|reads"
    r"|runs|trains|studies|speaks|drives|owns|owes|weighs|sleeps|starts|ends|comes|notes|[a-z]+ed))\b"
)
_IS_A = re.compile(r"\b(?:is|are) (?:a|an|the|allergic|from|born|called|named|\d+ years)\b")
_OTHERS = re.compile(
    r"^(?:The user's |[A-Z][\w-]+'s )(?:\w+[ -]){0,2}?(?P<relation>mum|mom|mother|dad|father|parents|sister"
    r"|brother|son|daughter|kids?"
    r"|children|twins|baby|wife|husband|hubby|partner|girlfriend|boyfriend|fianc\w+|gran\w*|nan|uncle|aunt\w*"
    r"|cousin|niece|nephew|friend|mate"
    r"|flatmate|roommate|housemate|boss|manager|colleague|coworker|neighbou?r|landlord|landlady|teacher|tutor"
    r"|therapist|coach|dog|cat"
    r"|puppy|kitten|horse|parrot|rabbit|hamster|tortoise|\w+-in-law|ex|team|class)\b(?:,? (?P<name>[A-Z][\w-]+))?"
)
_OPENS_NAME = re.compile(r"^([A-Z][\w\u00c0-\u024f-]+)(?='s\b| [a-z])")
_NO_NAMES = frozenset(["The", "In", "On", "At", "Since", "From", "By", "Until", "To", "For", "A", "An", "It", "This", "That", "There",
                       "Every", "No", "One", "Two", "Three", "Half", "Asked", "Their", "His", "Her", "They", "He", "She"])  # fmt: skip
_UNIT_STEMS = {"cent": "ct", "kilo": "kg", "kilometr": "km", "kilomet": "km", "euro": "eur", "\u20ac": "eur", "dollar": "usd",
               "$": "usd", "pound": "gbp", "\u00a3": "gbp", "quid": "gbp", "minut": "min", "hour": "h", "hr": "h"}  # fmt: skip

# Words that tell that something changed, by how they do.
_CUES: dict[str, re.Pattern[str]] = {
    name: re.compile(rf"\b(?:{words})\b", re.IGNORECASE)
    for name, words in {
        "now": r"now|these days|currently|from now on|as of|nowadays|at the moment|already|is in|in charge",
        "no_more": r"no longer|any ?more|any longer|never again|no more|not .{1,30} again|without|is no|has no"
        r"|nothing"
        r"|gone|hasn't|isn't|don't|doesn't",
        "finish": r"finish\w*|complete\w*|done|passed|over|ended|ends|paid (?:off|up|back)|settled|cleared|repaid"
        r"|graduat\w+|submitted|handed in|delivered|arrived|came|went|happened|won|signed|closed|out|expired|ran out"
        r"|used up|achieved|reached|hit|sorted|fixed|repaired|healed|recovered|better|mended|returned|gave back"
        r"|given back|collected|picked up|renewed|sent|posted|published|launched",
        "switch": r"switch\w*|chang\w+|replac\w+|swap\w*|upgrad\w+|migrat\w+|moved|moving|instead|rather than"
        r"|new|from"
        r"|turned into|became|become|becoming|converted|renamed|re-?scheduled|postponed|pushed|deferred|brought"
        r" forward"
        r"|promot\w+|transfer\w+|traded|took over|takes over|decided|another|other",
        "stop": r"stop\w*|quit\w*|gave (?:up|away)|given up|giving up|left|leav\w+|drop\w*|cancel\w*|call(?:ed"
        r"|s)? off|sold"
        r"|broke up|broken up|split|separated|divorc\w+|died|passed away|lost|retired|fired|laid off|resigned|closed"
        r"|fell through|pulled out|withdr\w+|scrapped|ditched|got rid|threw|thrown|off|ended|deleted|uninstalled"
        r"|weaned"
        r"|unsubscribed|donated|broke|broken|dead|killed|skipp\w+|bailed",
        "start": r"start\w*|began|begun|joined|got|bought|picked up|adopted|signed up|hired|married|engaged|born"
        r"|opened"
        r"|took up|taken up|back|again|moved in|settled|promoted",
        "also": r"also|too|another|as well|still|second|additional\w*|both|besides|sometimes|once|one of|for a change"
        r"|this time|visit\w*|trip|tried",
        "past": r"used to|was|were|had been|formerly|previously|once|as a (?:child|kid|teenager)|back then|years ago",
        "maybe": r"might|maybe|may|could|would|wants|wish\w*|thinking|consider\w*|hopes?|plans?|will|going to"
        r"|perhaps",
        "increase": r"more|less|fewer|up to|down to|only|increas\w+|reduc\w+|rais\w+|lower\w+|cut|doubled|halved"
        r"|extended",
    }.items()
}
_CHANGE = frozenset(["now", "no_more", "finish", "switch", "stop"])
_CUE_STEMS = frozenset(
    lexical.tokens(
        "now longer anymore finish finished complete completed done passed over ended paid settled switch"
        " switched change"
        " changed replaced swapped upgraded moved moving instead new stopped quit gave left dropped cancelled"
        " sold broke"
        " split lost started began joined got bought picked signed also another still used user users note notes"
        " asked"
        " question answered wants plans will going has have standing request today finally got gets get goes"
        " make makes"
        " take takes took put keep keeps"
    )
)
NAMES = (
    "cosine", "cosine_high", "shared", "shared_1", "shared_2", "jaccard", "longest_shared", "name_shared", "name_lost",
    "name_new", "same_subject", "other_person", "both_numbers", "same_unit", "number_changed", "number_equal",
    "value_changed", "negation", "same_day", "old_dated", "old_date_past", "new_dated", "date_differs",
    *(f"old_{kind}" for kind in ("foresight", "episode", "preference", "procedure")),
    *(f"new_{kind}" for kind in ("foresight", "episode", "preference", "procedure")),
    *(f"cue_{name}" for name in _CUES),
    "old_past", "old_wish", "old_request", "new_request", "any_cue", "keyed_apart", "old_head_said", "new_head_said",
    "old_is_a", "new_is_a", "other_speaks", "same_verb",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two statements."""

    text: str
    type: MemoryType
    subject: str | None
    attribute: str | None
    value: str | None
    negated: bool
    said_on: date


@dataclass(frozen=True, slots=True)
class _Read:
    """What is in a text, read once."""

    stems: frozenset[str]
    names: frozenset[str]
    numbers: frozenset[tuple[str, str]]  # (value, unit)
    dates: tuple[str, ...]
    cues: frozenset[str]
    head: frozenset[str]  # what the sentence is about: the stems before its verb
    verb: str
    person: str  # whom it is about: "user", a name, or a relation
    is_a: bool
    bare: str


@lru_cache(maxsize=8_192)
def _read(text: str) -> _Read:
    dates = tuple(_iso(match) for match in _DATE.finditer(text))
    bare = _DATE.sub(" ", text)
    numbers = frozenset((m[1].rstrip(".,:"), _unit(m[2])) for m in _NUMBER.finditer(bare))
    stems = frozenset(t for t in lexical.tokens(bare) if not t[0].isdigit()) - _CUE_STEMS
    names = frozenset(lexical.tokens(" ".join(_NAME.findall(bare)))) - {"user", "note"}
    cues = frozenset(name for name, pattern in _CUES.items() if pattern.search(bare))
    found = _HEAD.match(bare)
    head = frozenset(lexical.tokens(found["head"])) - {"user"} if found else frozenset()
    verb = next(iter(lexical.tokens(found["verb"])), found["verb"]) if found else ""
    is_a = _IS_A.search(bare) is not None
    return _Read(stems, names, numbers, dates, cues, head, verb, person_of(bare), is_a, bare.lower())


def tells_change(text: str) -> bool:
    """Whether a word of the text says that something is different, over, stopped or finished."""
    return bool(_read(text).cues & _CHANGE)


def share_people(one: str, other: str) -> bool:
    """Whether both are about the same person, or one names the person whom the other is about."""
    a, b = _read(one), _read(other)
    return a.person == b.person or any(
        x.person != "user" and re.search(rf"\b{re.escape(x.person)}\b", y.bare) for x, y in ((a, b), (b, a))
    )


def person_of(text: str) -> str:
    """Whom a statement is about: `user`, else the name or the relation of another person, lower case."""
    other = _OTHERS.match(text)
    if other:
        return (other["name"] or other["relation"]).lower()
    opening = _OPENS_NAME.match(text)
    return opening[1].lower() if opening and opening[1] not in _NO_NAMES else "user"


def _iso(match: re.Match[str]) -> str:
    if match["only"]:
        return match["only"]
    month = f"{_MONTHS.split('|').index(match['month']) + 1:02d}"
    return f"{match['year']}-{month}" + (f"-{int(match['day']):02d}" if match["day"] else "")


def _unit(word: str | None) -> str:
    if not word:
        return ""
    stem = (lexical.tokens(word) or [word.lower()])[0]
    return _UNIT_STEMS.get(stem, stem)


def features(old: Side, new: Side, cosine: float) -> npt.NDArray[np.float64]:
    """Numbers in the order of `NAMES`, most of them between 0 and 1. `cosine` is that of the two texts."""
    a, b = _read(old.text), _read(new.text)
    shared = a.stems & b.stems
    least = max(1, min(len(a.stems), len(b.stems)))
    units_a, units_b = {u for _, u in a.numbers if u}, {u for _, u in b.numbers if u}
    values_a, values_b = {v for v, _ in a.numbers}, {v for v, _ in b.numbers}
    same_key = old.attribute is not None and (old.subject, old.attribute) == (new.subject, new.attribute)
    same_subject = (old.subject or "user") == (new.subject or "user")
    today = new.said_on.isoformat()
    found = {
        "cosine": cosine,
        "cosine_high": max(0.0, cosine - 0.5) * 2,
        "shared": len(shared) / least,
        "shared_1": float(len(shared) >= 1),
        "shared_2": float(len(shared) >= 2),
        "jaccard": len(shared) / max(1, len(a.stems | b.stems)),
        "longest_shared": min(10, max((len(s) for s in shared), default=0)) / 10,
        "name_shared": float(bool(a.names & b.names)),
        "name_lost": float(bool(a.names - b.names)),
        "name_new": float(bool(b.names - a.names)),
        "same_subject": float(same_subject),
        "other_person": float(not same_subject and not (a.names & b.names)),
        "both_numbers": float(bool(a.numbers and b.numbers)),
        "same_unit": float(bool(units_a & units_b)),
        "number_changed": float(bool(units_a & units_b) and not values_a & values_b),
        "number_equal": float(bool(values_a & values_b)),
        "value_changed": float(same_key and old.value != new.value),
        "negation": float(old.negated != new.negated),
        "same_day": float(new.said_on == old.said_on),
        "old_dated": float(bool(a.dates)),
        "old_date_past": float(bool(a.dates) and max(a.dates) <= today[: len(max(a.dates))]),
        "new_dated": float(bool(b.dates)),
        "date_differs": float(bool(a.dates and b.dates) and not set(a.dates) & set(b.dates)),
        "old_past": float("past" in a.cues and old.type is not MemoryType.FORESIGHT),
        "old_wish": float("maybe" in a.cues),
        "old_request": float("standing request" in old.text or " wants " in old.text),
        "new_request": float("standing request" in new.text or " wants " in new.text),
        "keyed_apart": float(bool(old.attribute and new.attribute) and not same_key),
        "old_head_said": float(bool(a.head & b.stems)),
        "new_head_said": float(bool(b.head & a.stems)),
        "old_is_a": float(a.is_a),
        "new_is_a": float(b.is_a),
        "other_speaks": float(a.person != b.person),
        "same_verb": float(bool(a.verb) and a.verb == b.verb),
        "any_cue": float(bool(b.cues & _CHANGE)),
    }
    for side, kind in (("old", old.type), ("new", new.type)):
        for name in ("foresight", "episode", "preference", "procedure"):
            found[f"{side}_{name}"] = float(kind.value == name)
    for name in _CUES:
        found[f"cue_{name}"] = float(name in b.cues)
    return np.array([found[name] for name in NAMES])
