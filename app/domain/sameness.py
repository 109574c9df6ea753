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


def _numbers(words: list[str]) -> list[str]:
    return [_NUMBER_WORDS.get(word, word) for word in words if word in _NUMBER_WORDS or _DIGITS.search(word)]


def _turning(words: list[str]) -> list[str]:
    return sorted(word for word in words if word in _TURNING)


def _stems(words: list[str]) -> frozenset[str]:
    carrying = [word for word in words if word not in _FILLERS | _NUMBER_WORDS.keys() and not _DIGITS.search(word)]
    stems = lexical.tokens(" ".join(carrying))
    return frozenset(next((min(group) for group in _SYNONYMS if stem in group), stem) for stem in stems)
