"""Answers of recalls that are asked again word for word, in Redis. Used by the recall route; losing it costs time only.

A key holds everything that an answer depends on, the version of the user's data included, so that a write makes all
older answers unreachable at once. Only exact repeats are answered: questions about 3 May and 4 May have cosine .99.
"""

import time
from collections.abc import Callable
from typing import Protocol

from redis import Redis
from redis.exceptions import RedisError

PREFIX = "mneme:answer:"
CONNECT_SECONDS = 0.2
ANSWER_SECONDS = 0.05  # a cache that takes longer than a recall is of no use
PAUSE_SECONDS = 2.0  # how long a broken Redis is left alone
PURGE_PAGE = 500  # keys a call
KEPT_SECONDS = 60  # what fades and what is due changes with time alone


class AnswerCache(Protocol):
    """Bytes by key for a minute at most. Never raises."""

    def get(self, key: str) -> bytes | None:
        """What was put under this key, if it is still there."""

    def put(self, key: str, value: bytes, *, seconds: float = KEPT_SECONDS) -> None:
        """Keep the bytes for so long."""

    def purge(self, *, rewrite: bool) -> int | None:
        """Forget all answers, and with `rewrite` let the server's log on disk forget them too. Returns how many there
        were; None when the server did not answer.
        """

    def naming(self, words: str) -> int | None:
        """How many keys of the whole server name these words; None when it does not answer."""

    def close(self) -> None:
        """Release the connections."""


class NoAnswers:
    """Without Redis every answer is made anew."""

    def get(self, key: str) -> None:
        """Nothing is kept."""

    def put(self, key: str, value: bytes, *, seconds: float = KEPT_SECONDS) -> None:
        """Nothing is kept."""

    def purge(self, *, rewrite: bool) -> int:  # noqa: ARG002 - as the others
        """Nothing is kept."""
        return 0

    def naming(self, words: str) -> int:  # noqa: ARG002 - as the others
        """Nothing is kept."""
        return 0

    def close(self) -> None:
        """Nothing to release."""


class RedisAnswers:
    """Answers in Redis; after an error it is left alone for a moment."""

    def __init__(self, redis_url: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._redis = Redis.from_url(redis_url, socket_connect_timeout=CONNECT_SECONDS, socket_timeout=ANSWER_SECONDS)
        self._monotonic = monotonic
        self._retry_at = 0.0

    def get(self, key: str) -> bytes | None:
        """What was put under this key, if it is still there."""
        if self._monotonic() < self._retry_at:
            return None
        try:
            found = self._redis.get(PREFIX + key)
        except RedisError:
            self._retry_at = self._monotonic() + PAUSE_SECONDS
            return None
        return found if isinstance(found, bytes) else None

    def put(self, key: str, value: bytes, *, seconds: float = KEPT_SECONDS) -> None:
        """Keep the bytes for so long."""
        if self._monotonic() < self._retry_at or seconds <= 0:
            return
        try:
            self._redis.set(PREFIX + key, value, px=max(1, int(1e3 * min(seconds, KEPT_SECONDS))))
        except RedisError:
            self._retry_at = self._monotonic() + PAUSE_SECONDS

    def purge(self, *, rewrite: bool) -> int | None:
        """Forget all answers; see the protocol. The log is rewritten in the background."""
        try:
            names = list(self._redis.scan_iter(PREFIX + "*", count=PURGE_PAGE))
            for start in range(0, len(names), PURGE_PAGE):
                self._redis.unlink(*names[start : start + PURGE_PAGE])
            if rewrite:
                self._redis.bgrewriteaof()
        except RedisError:
            return None
        return len(names)

    def naming(self, words: str) -> int | None:
        """How many keys name these words."""
        try:
            return sum(words.encode() in name for name in self._redis.scan_iter(count=PURGE_PAGE))
        except RedisError:
            return None

    def close(self) -> None:
        """Release the connections."""
        self._redis.close()


def answer_cache(redis_url: str | None) -> AnswerCache:
    """The cache of this process."""
    return RedisAnswers(redis_url) if redis_url else NoAnswers()
