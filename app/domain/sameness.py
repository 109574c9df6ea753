"""Whether two statements say the same in other words. Pure; called by `decide` for neighbours that cosine nominated.

Cosine alone never decides: "allergic" and "not allergic", 3 May and 4 May lie above .95. So every number, date, name
and polarity word must be equal, and what else differs may differ only by inflection or by one of a few synonyms.
"""

import re
from collections.abc import Hashable

from app.domain import lexical
from app.domain.normalise import normalise

# Words that change neither what is said nor when: statements of one value that differ only in these are the same.
_FILLER_WORDS = """
    a an the is are was am be been being has have had does do did s of to in on at by for with and or so that this it
    its now currently still really just also already these those days actually basically moment right here very quite
    well too finally officially recently lately"""
_FILLERS = frozenset(_FILLER_WORDS.split())
# Function words that turn a statement around or into another one: they must occur equally often on both sides.
_TURNING_WORDS = """
    not no never none nobody nothing neither nor without cannot cant wont dont doesnt didnt isnt wasnt hasnt hardly
    rarely seldom before after over under above below off out up down more less most least only until since from to
    if unless all some any both either every each he she his her him they their who whose first second last next"""
_TURNING = frozenset(_TURNING_WORDS.split())
# Words that make of what is so what may be, is wanted or was: a statement with one is not contained in one without.
_SHADING_WORDS = """
    may might could would should can maybe perhaps probably possibly likely want wants wanted wish wishes hope hopes
    hoped plan plans planned intend intends consider considers considering think thinks thought consider try tries tried
    trying will shall going used almost nearly about around again still already yet ask asks asked wonder wonders"""
_SHADING = frozenset(_SHADING_WORDS.split())
# Words that only say it louder: what says all of a statement needs none of these.
_EMPHASIS = frozenset(
    "definitely surely sure certainly absolutely truly totally completely super such simply honestly".split()  # noqa: SIM905 - a list to read
)
_SYNONYMS = tuple(
    frozenset(lexical.tokens(group))
    for group in (
        "love like enjoy adore",
        "buy bought purchase purchased",
        "live reside",
        "begin began start started",
        "big large",
        "kid child children kids",
        "mum mom mother",
        "dad father",
        "movie film",
        "job work",
        "car automobile",
    )
)
_NUMBER_WORDS = {
    word: str(number)
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve".split()  # noqa: SIM905 - a list to read
    )
}
_NAME = re.compile(r"\b[A-Z\u00c0-\u00de][\w'\u2019-]*")
_DIGITS = re.compile(r"\d")
_MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
_FIGURE = re.compile(rf"(?<![\w.:/-])\d[\d,]*(?:\.\d+)?(?![\d:/-]|(?:st|nd|rd|th)?\s(?:{_MONTHS})\b)(?<!,)")
_YEAR = re.compile(r"(?:19|20)\d\d")
_DENYING = frozenset("not no never cannot cant wont dont doesnt didnt isnt wasnt hasnt".split())  # noqa: SIM905 - a list
LEAST_STEMS = 2  # of a fragment: one word alone says too little to be found again in another statement (choice)
FIGURE_RATIO = 2.0  # a correction of a figure rarely doubles it (choice)


def content(text: str) -> frozenset[str]:
    """The words that carry a statement."""
    return frozenset(normalise(text).split()) - _FILLERS


def same_meaning(one: str, other: str) -> bool:
    """Equal numbers, dates, names and polarity, and the same content but for inflection and a few synonyms."""
    return terms(one) == terms(other) and _stems(normalise(one).split()) == _stems(normalise(other).split())


def terms(text: str) -> Hashable:
    """Its numbers, dates, names and polarity: what cosine does not see."""
    words = normalise(text).split()
    return tuple(_names(text)), tuple(_numbers(words)), tuple(_turning(words))


def says_all(fuller: str, fragment: str) -> bool:
    """Whether `fuller` says all that `fragment` says: every word of it but for emphasis, with equal numbers, dates,
    polarity and names in the same order ("Jon is there for Gina" is not "Gina is there for Jon"), and neither wanted
    nor supposed in one of them only.
    """
    words, others = normalise(fragment).split(), normalise(fuller).split()
    if _turning(words) != _turning(others) or sorted(_numbers(words)) != sorted(_numbers(others)):
        return False
    if frozenset(words) & _SHADING != frozenset(others) & _SHADING or _named(fragment) != _named(fuller):
        return False
    mine = _stems([word for word in words if word not in _EMPHASIS])
    return len(mine) >= LEAST_STEMS and mine <= _stems(others)


def contained(fragment: str, fuller: str) -> bool:
    """Whether `fuller` says all that `fragment` says, and more."""
    return says_all(fuller, fragment) and not says_all(fragment, fuller)


def opposite(one: str, other: str) -> bool:
    """Whether one text denies what the other says: the same words, numbers and names, and a negation in one only."""
    words, others = normalise(one).split(), normalise(other).split()
    denied, also = frozenset(words) & _DENYING, frozenset(others) & _DENYING
    if bool(denied) == bool(also):
        return False
    plain = [word for word in words if word not in _DENYING]
    rest = [word for word in others if word not in _DENYING]
    if _turning(plain) != _turning(rest) or _numbers(plain) != _numbers(rest) or _names(one) != _names(other):
        return False
    return bool(plain) and _stems(plain) == _stems(rest)


def may_concern(subject: str | None, text: str, other_subject: str | None, other_text: str) -> bool:
    """Whether a statement about `subject` may change one about `other_subject`: the same person, or one of the two
    names the other ("Noor and Alfie broke up" is about both). What somebody else does never touches what is the user's.
    """
    if subject is None or other_subject is None or subject == other_subject:
        return True
    name, other_name = subject.split()[-1], other_subject.split()[-1]
    if name == other_name:
        return True
    return _says(other_name, other_subject, text) or _says(name, subject, other_text)


def _says(name: str, subject: str, text: str) -> bool:
    return subject != "user" and name in normalise(text).split()


def alike_figures(one: str, other: str) -> bool:
    """Whether both hold a figure and the two may be readings of one thing: 4,200 and 4,500, not 4,200 and 64."""
    mine, theirs = _figures(one), _figures(other)
    return any(a != b and max(a, b) <= FIGURE_RATIO * min(a, b) for a in mine for b in theirs)


def _figures(text: str) -> list[float]:
    """The figures of a text that are no years and no parts of a date or a clock time."""
    found = (match.group().replace(",", "") for match in _FIGURE.finditer(text))
    return [value for digits in found if (value := float(digits)) and not _YEAR.fullmatch(digits)]


def _names(text: str) -> list[str]:
    return [normalise(name).removesuffix("s") for name in _NAME.findall(text) if name not in {"The", "I"}]


def _named(text: str) -> list[str]:
    """Names in the order of their first mention, without words that only begin a sentence ("Lately, Nate ...")."""
    found = (normalise(name).removesuffix("s") for name in _NAME.findall(text))
    return list(dict.fromkeys(name for name in found if name not in _FILLERS | _TURNING))


def _numbers(words: list[str]) -> list[str]:
    return [_NUMBER_WORDS.get(word, word) for word in words if word in _NUMBER_WORDS or _DIGITS.search(word)]


def _turning(words: list[str]) -> list[str]:
    return sorted(word for word in words if word in _TURNING)


def _stems(words: list[str]) -> frozenset[str]:
    carrying = [word for word in words if word not in _FILLERS | _NUMBER_WORDS.keys() and not _DIGITS.search(word)]
    stems = lexical.tokens(" ".join(carrying))
    return frozenset(next((min(group) for group in _SYNONYMS if stem in group), stem) for stem in stems)
