"""A budget of tokens that is spent line by line, with shares for parts of a context. Pure; used by `packing`."""

from collections.abc import Callable, Iterable

MIN_CUT = 3  # tokens; a shorter beginning of a text says nothing
ELLIPSIS = "\u2026"


class Budget:
    """Counts down from `total`. A share limits what is taken since the last `open()`."""

    def __init__(self, total: int, count: Callable[[str], int]) -> None:
        self.total = total
        self.left = total
        self.count = count
        self._spent = 0  # since the last open()

    def cost(self, text: str) -> int:
        """Tokens of a text with its line break."""
        return self.count(text + "\n")

    def open(self) -> None:
        """Begin a new part: shares count from here."""
        self._spent = 0

    def room(self, share: float = 1.0) -> int:
        """What this part may still take when it has that share of the whole."""
        return max(0, min(self.left, int(share * self.total) - self._spent))

    def take(self, text: str, *, share: float = 1.0) -> bool:
        """Spend the cost of a text if it fits."""
        cost = self.cost(text)
        if cost > self.room(share):
            return False
        self._spend(cost)
        return True

    def fit_text(self, text: str, *, share: float) -> str | None:
        """As many whole lines of a text as its share holds, spent; None when that is none."""
        self.open()
        kept = []
        for line in text.splitlines():
            if not self.take(line, share=share):
                break
            kept.append(line)
        self.open()
        return "\n".join(kept) if kept else None

    def take_titles(self, titles: Iterable[str]) -> None:
        """Set the cost of titles aside."""
        for title in titles:
            self._spend(min(self.left, self.cost(title)))
        self.open()

    def _spend(self, cost: int) -> None:
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
    return cut + ELLIPSIS if cut else ""
