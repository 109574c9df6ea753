"""A token bucket for each API key, inside this process; `0` requests a minute means no limit."""

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

WINDOW_SECONDS = 60
KEYS_LIMIT = 10_000  # buckets kept; a forgotten bucket starts full again


@dataclass(frozen=True, slots=True)
class Ticket:
    """The outcome of one request: whether it may pass, what is left, and when one more is free."""

    allowed: bool
    limit: int
    left: int
    retry_after: int

    @property
    def headers(self) -> dict[str, str]:
        """`RateLimit-Policy` and `RateLimit` as the IETF draft has them."""
        return {
            "RateLimit-Policy": f'"default";q={self.limit};w={WINDOW_SECONDS}',
            "RateLimit": f'"default";r={self.left};t={self.retry_after}',
        }


class RateLimiter:
    """Buckets by key id."""

    def __init__(self, per_minute: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._buckets: dict[str, tuple[float, float]] = {}  # key -> (tokens, at)

    def take(self, key: str) -> Ticket | None:
        """Spend one token; None when there is no limit."""
        if self._per_minute == 0:
            return None
        rate = self._per_minute / WINDOW_SECONDS
        with self._lock:
            if len(self._buckets) > KEYS_LIMIT:
                self._buckets.clear()
            now = self._monotonic()
            tokens, at = self._buckets.get(key, (float(self._per_minute), now))
            tokens = min(float(self._per_minute), tokens + (now - at) * rate)
            allowed = tokens >= 1
            tokens -= 1 if allowed else 0
            self._buckets[key] = (tokens, now)
        wait = 0 if tokens >= 1 else math.ceil((1 - tokens) / rate)
        return Ticket(allowed, self._per_minute, int(tokens), wait)
