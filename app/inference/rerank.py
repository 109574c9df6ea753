"""The port for a model that reads a question and a text together (a cross-encoder), and the bounds within which a
recall asks it: a time limit, so many at once, rest after failures. Implemented by `rerank_remote`, chosen by `select`.
"""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from app.inference.llm_limits import Rest

_AT_ONCE = 8  # as many as a gateway computes requests (REQUEST_THREADS); a late one holds its place until it ends


class RerankerUnavailableError(Exception):
    """No usable scores, and why in one word: `kind` is a label of metrics and stands in traces."""

    def __init__(self, kind: str, *, pause: float = 0.0) -> None:
        super().__init__(kind)
        self.kind = kind
        self.pause = pause  # seconds for which the endpoint wants to be left alone


class Reranker(Protocol):
    """Scores of texts for a question, higher is better, in the order of the texts. Thread-safe."""

    def score(self, question: str, texts: Sequence[str]) -> list[float]:
        """One finite number for each text; raises RerankerUnavailableError."""

    def close(self) -> None:
        """Release connections."""


class BoundedReranker:
    """A reranker that a recall can afford: `score` never takes longer than it may. Thread-safe."""

    def __init__(
        self, reranker: Reranker, *, at_once: int = _AT_ONCE, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._reranker = reranker
        self._slots = threading.BoundedSemaphore(at_once)
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="rerank")
        self._rest = Rest(monotonic)

    def score(self, question: str, texts: Sequence[str], *, seconds: float) -> list[float]:
        """See `Reranker`, within `seconds`; raises RerankerUnavailableError, also when it is late."""
        if self._rest.resting:
            raise RerankerUnavailableError("resting")
        if not self._slots.acquire(blocking=False):
            raise RerankerUnavailableError("busy")
        future = self._threads.submit(self._held, question, texts)
        try:
            scores = future.result(timeout=seconds)
        except TimeoutError:
            self._rest.failed()
            raise RerankerUnavailableError("late") from None
        except RerankerUnavailableError as error:
            self._rest.failed(error.pause)
            raise
        self._rest.answered()
        return scores

    def _held(self, question: str, texts: Sequence[str]) -> list[float]:
        try:
            return self._reranker.score(question, texts)
        finally:
            self._slots.release()

    def close(self) -> None:
        """Close the reranker; what is late may end in its own time."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._reranker.close()
