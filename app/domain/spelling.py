"""Whether two names are spellings of one: "Müller" and "Mueller", "Kathrine" and "Katherine". Pure; for `entities`.

It prefers two entities to a wrong one: what tells people apart (a last letter, one letter for another, a number) never
counts as a slip.
"""

import re
import unicodedata

from rapidfuzz.distance import OSA, Levenshtein

LONG_ENOUGH = 7  # letters; in shorter names one letter more is another name ("Jan", "Jana"; choice)
ENDING = 3  # letters at the end of a name tell people apart ("Christian", "Christina"; choice)
_DIGRAPHS = (("ae", "a"), ("oe", "o"), ("ue", "u"), ("ss", "s"))
_LETTERS = str.maketrans({"ß": "s", "ø": "o", "æ": "a", "œ": "o", "ł": "l", "đ": "d"})


def same_spelling(one: str, other: str) -> bool:
    """Whether two normalised names differ by accents, umlauts, punctuation or one slip of the pen in a long word."""
    words, others = _folded(one).split(), _folded(other).split()
    if len(words) != len(others) or _digits(one) != _digits(other):
        return "".join(words) == "".join(others) and _digits(one) == _digits(other)
    odd = [(a, b) for a, b in zip(words, others, strict=True) if a != b]
    return not odd or (len(odd) == 1 and _slip(*odd[0]))


def _folded(name: str) -> str:
    """Letters without accents; an umlaut and its two letters are the same."""
    bare = unicodedata.normalize("NFKD", name.casefold().translate(_LETTERS))
    text = re.sub(r"[^\w\s]|_", "", "".join(c for c in bare if not unicodedata.combining(c)))
    for two, letter in _DIGRAPHS:
        text = text.replace(two, letter)
    return text


def _digits(name: str) -> list[str]:
    return re.findall(r"\d+", name)


def _slip(one: str, other: str) -> bool:
    """A letter doubled, one too many inside the word, or two that changed places well before its end."""
    if min(len(one), len(other)) >= LONG_ENOUGH - 1 and _single(one) == _single(other):
        return True
    if min(len(one), len(other)) < LONG_ENOUGH or one[0] != other[0] or one[-1] != other[-1]:
        return False
    if abs(len(one) - len(other)) == 1:
        return Levenshtein.distance(one, other) == 1
    places = [at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b]
    swapped = OSA.distance(one, other) == 1 and len(places) == 2
    return swapped and places[-1] < len(one) - ENDING


def _single(word: str) -> str:
    """Doubled letters once."""
    return re.sub(r"(.)\1", r"\1", word)
