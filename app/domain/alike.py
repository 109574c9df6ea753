"""Whether one of the items that an answer already has says the same: in the same words, or nearly so. Pure; used by
`ranking`.

Nearly the same has every word in the same order, but for articles, emphasis and how a sentence opens. Shared terms do
not decide: "was glad" and "is glad about them too" share all of theirs.
"""

from collections.abc import Hashable
from itertools import dropwhile

from app.domain.normalise import normalise
from app.domain.signals import Row

_IDLE = frozenset({"a", "an", "the", "really", "actually", "basically"})
_OPENING = frozenset({"oh", "hey", "hi", "so", "well", "yeah", "ok", "okay", "and", "but"})


class Told:
    """What has been told so far."""

    def __init__(self) -> None:
        self._texts: set[str] = set()
        self._nearly: set[tuple[Hashable, tuple[str, ...]]] = set()

    def again(self, row: Row) -> bool:
        """Whether this candidate says what was told before; if not, it is told now."""
        text = normalise(row.text)
        if not text:
            return False
        words = (word for word in text.split() if word not in _IDLE)
        nearly = (_about(row), tuple(dropwhile(_OPENING.__contains__, words)))
        if text in self._texts or (nearly[1] and nearly in self._nearly):
            return True
        self._texts.add(text)
        self._nearly.add(nearly)
        return False


def _about(row: Row) -> Hashable:
    """Who said it; or whom a memory is about, and when. Nearly the same of another is something else."""
    if row.memory is None:
        return row.event.speaker if row.event else None
    return row.memory.subject, row.memory.event_time, row.memory.valid_from, row.memory.valid_to
