"""Whether one of the items that an answer already has says the same: in the same words, or nearly so. Pure; used by
`units` and `ranking`.

Nearly the same has every word in the same order, but for articles, emphasis and how a sentence opens. Shared terms do
not decide: "was glad" and "is glad about them too" share all of theirs.
"""

from collections.abc import Hashable
from itertools import dropwhile

_IDLE = frozenset({"a", "an", "the", "really", "actually", "basically"})
_OPENING = frozenset({"oh", "hey", "hi", "so", "well", "yeah", "ok", "okay", "and", "but"})


def gist(normal: str) -> tuple[str, ...]:
    """The words of a normalised text that count; empty where none does."""
    return tuple(dropwhile(_OPENING.__contains__, (word for word in normal.split() if word not in _IDLE)))


class Told:
    """What has been told so far."""

    def __init__(self) -> None:
        self._texts: set[str] = set()
        self._nearly: set[tuple[Hashable, tuple[str, ...]]] = set()

    def again(self, normal: str, words: tuple[str, ...], about: Hashable) -> bool:
        """Whether this (its normalised text, the `gist` of it, and what it is about) was told before; if not, it is
        told now. Nearly the same about another is something else; the same text is not.
        """
        if not normal:
            return False
        if normal in self._texts or (words and (about, words) in self._nearly):
            return True
        self._texts.add(normal)
        self._nearly.add((about, words))
        return False
