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


def fingerprints(texts: Iterable[str], key: bytes, *, own: bool = True) -> set[int]:
    """The hashes of every text as a whole, of every three words in a row, and of every word that is long or has letters
    and digits; as signed 64-bit numbers. Without `own` words (statements that extraction or sleep has put in its own)
    parts say nothing, not even long words, and are left out.
    """
    return {_hash(part, key) for text in texts for part in set(_parts(text, own=own))}


def _parts(text: str, *, own: bool) -> Iterator[str]:
    words = _WORD.findall(normalise(text))
    if len(words) > 1:
        yield " ".join(words)
    if not own:
        return
    for start in range(len(words) - WORDS + 1):
        yield " ".join(words[start : start + WORDS])
    for word in words:
        if len(word) >= LONG or (len(word) > 3 and _DIGIT.search(word) and not word.replace("-", "").isdigit()):
            yield word


def _hash(part: str, key: bytes) -> int:
    return int.from_bytes(hmac.digest(key, part.encode(), sha256)[:8], "big", signed=True)


def sample(found: set[int]) -> list[int]:
    """At most MOST of them, chosen by their own values: any part of what was erased has its share."""
    return sorted(found)[:MOST]
