"""Concurrent single queries share a run of the model, with no thread of its own and no waiting when idle."""

import threading
from collections import deque
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from app.inference.protocol import EncoderUnavailableError

Vector = npt.NDArray[np.float32]
EncodeBatch = Callable[[Sequence[str]], npt.NDArray[np.float32]]


class _Waiting:
    """One caller: woken with its vector, with the batch's error, or to lead the next batch."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.vector: Vector | None = None
        self.error: EncoderUnavailableError | None = None
        self.leads = False
        self.wake = threading.Event()


class MicroBatcher:
    """The first caller runs at once; those who come while it runs are one batch, led by the first of them.

    A caller leads at most one batch, so nobody works for others after its own answer is there. An encoder that cannot
    answer fails the whole batch; after any other error the followers run alone, so that one text cannot fail them.
    """

    def __init__(self, encode: EncodeBatch, *, largest: int = 32) -> None:
        self._encode = encode
        self._largest = largest
        self._lock = threading.Lock()
        self._busy = False
        self._queue: deque[_Waiting] = deque()

    def encode(self, text: str) -> Vector:
        """The vector of `text`."""
        caller = _Waiting(text)
        with self._lock:
            if self._busy:
                self._queue.append(caller)
            else:
                self._busy = caller.leads = True
        if not caller.leads:
            caller.wake.wait()
        if caller.leads:
            return self._lead(caller)
        if caller.error is not None:
            raise EncoderUnavailableError(str(caller.error)) from caller.error
        if caller.vector is None:
            alone: Vector = self._encode([text])[0]
            return alone
        return caller.vector

    def _lead(self, leader: _Waiting) -> Vector:
        with self._lock:
            followers = [self._queue.popleft() for _ in range(min(len(self._queue), self._largest - 1))]
        try:
            vectors = self._encode([leader.text, *(f.text for f in followers)])
            for follower, vector in zip(followers, vectors[1:], strict=True):
                follower.vector = vector
        except EncoderUnavailableError as error:
            for follower in followers:
                follower.error = error
            raise
        else:
            own: Vector = vectors[0]
            return own
        finally:
            for follower in followers:
                follower.wake.set()
            self._hand_over()

    def _hand_over(self) -> None:
        with self._lock:
            if not self._queue:
                self._busy = False
                return
            successor = self._queue.popleft()
            successor.leads = True
        successor.wake.set()
