"""A budget of tokens that is spent piece by piece, with shares for parts of a context. Pure; used by `packing`."""

from collections.abc import Callable

MIN_CUT = 3  # tokens; a shorter beginning of a text says nothing
ELLIPSIS = "\u2026"
_LONGEST_WORD = 24  # characters; a cut goes back to the space before the word that it would break, unless it is longer


class Budget:
    """Counts down from `total`. A share limits what is taken since the last `open()`."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.left = total
        self._spent = 0  # since the last open()

    def open(self) -> None:
        """Begin a new part: shares count from here."""
        self._spent = 0

    def room(self, share: float = 1.0) -> int:
        """What this part may still take when it has that share of the whole."""
        return max(0, min(self.left, int(share * self.total) - self._spent))

    def take(self, cost: int, *, share: float = 1.0) -> bool:
        """Spend `cost` if it fits."""
        if cost > self.room(share):
            return False
        self.spend(cost)
        return True

    def spend(self, cost: int) -> None:
        """Set `cost` aside, or give it back when it is negative."""
        self.left -= cost
        self._spent += cost


def shorten(text: str, tokens: int, count: Callable[[str], int]) -> str:
    """The beginning of a text in at most `tokens` tokens, ending in an ellipsis; empty when that would say nothing."""
    if tokens < MIN_CUT:
        return ""
    low, high = 0, min(len(text), tokens * 16)  # one token of prose rarely covers more than 16 characters
    while low < high:
        middle = (low + high + 1) // 2
        if count(text[:middle].rstrip() + ELLIPSIS) <= tokens:
            low = middle
        else:
            high = middle - 1
    cut = text[:low].rstrip()
    space = cut.rfind(" ", max(1, len(cut) - _LONGEST_WORD))
    if space > 0 and low < len(text) and not text[low].isspace():
        whole_words = cut[:space].rstrip(" ,;:")
        cut = whole_words if whole_words and count(whole_words + ELLIPSIS) <= tokens else cut
    return cut + ELLIPSIS if cut else ""
