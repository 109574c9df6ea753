"""A reranker that scores by a script: a function of the texts, slow or failing as a test wants."""

import time
from collections.abc import Callable, Sequence

from app.inference.rerank import RerankerUnavailableError

Score = Callable[[Sequence[str]], list[float]]


def backwards(texts: Sequence[str]) -> list[float]:
    """The last text is the best."""
    return [float(place) for place in range(len(texts))]


def slowly(texts: Sequence[str]) -> list[float]:
    """Right, but late for any recall."""
    time.sleep(0.6)
    return backwards(texts)


def failing(_texts: Sequence[str]) -> list[float]:
    """As an endpoint that is down."""
    raise RerankerUnavailableError("unreachable")


class ScriptedReranker:
    """See `Reranker`; `asked` holds every question with its texts."""

    def __init__(self, script: Score = backwards) -> None:
        self.script = script
        self.asked: list[tuple[str, list[str]]] = []
        self.closed = False

    def score(self, question: str, texts: Sequence[str]) -> list[float]:
        self.asked.append((question, list(texts)))
        return self.script(texts)

    def close(self) -> None:
        self.closed = True
