"""Fingerprints of erased words: keyed hashes by which a later scan finds them again, from which nobody can read them.
Pure; made by an erasure, compared by its verification. The key lies with the erasure and is dropped after a time.
"""

import hmac
import re
from collections.abc import Iterable, Iterator
from hashlib import sha256

from app.domain.normalise import normalise

WORDS = 3  # in a row: what two texts share by chance is mostly shorter
LONG = 10  # letters from which one word is rare enough to stand alone
MOST = 20_000  # of one erasure: 160 kB
_WORD = re.compile(r"\S+")
_DIGIT = re.compile(r"\d")


def fingerprints(texts: Iterable[str], key: bytes) -> set[int]:
    """The hashes of every text as a whole, of every three words in a row, and of every rare word: one that is long or
    has letters and digits; as signed 64-bit numbers.
    """
    words = [_words(text) for text in texts]
    parts = {" ".join(said) for said in words if len(said) > 1} | {word for said in words for word in _rare(said)}
    parts |= {" ".join(said[at : at + WORDS]) for said in words for at in range(len(said) - WORDS + 1)}
    return {_hash(part, key) for part in parts}


def wholes(statements: Iterable[str], key: bytes) -> set[int]:
    """The hashes of statements as a whole. Their form is extraction's own: three words of it in a row say nothing."""
    words = [_words(text) for text in statements]
    return {_hash(part, key) for part in {" ".join(said) for said in words if len(said) > 1}}


def spoken_words(statements: Iterable[str], spoken: Iterable[str], key: bytes) -> set[int]:
    """The hashes of those rare words of statements that somebody spoke or wrote: the others are those of a form, which
    is filled in for everybody.
    """
    said = {word for text in spoken for word in _rare(_words(text))}
    return {_hash(word, key) for word in {word for text in statements for word in _rare(_words(text))} & said}


def _words(text: str) -> list[str]:
    return _WORD.findall(normalise(text))


def _rare(words: Iterable[str]) -> Iterator[str]:
    for word in words:
        if len(word) >= LONG or (len(word) > 3 and _DIGIT.search(word) and not word.replace("-", "").isdigit()):
            yield word


def _hash(part: str, key: bytes) -> int:
    return int.from_bytes(hmac.digest(key, part.encode(), sha256)[:8], "big", signed=True)


def sample(found: set[int]) -> list[int]:
    """At most MOST of them, chosen by their own values: any part of what was erased has its share."""
    return sorted(found)[:MOST]
