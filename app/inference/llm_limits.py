"""What a process may ask of a model provider: tokens a minute and a day, and a pause while it does not answer."""

import threading
import time
from collections.abc import Callable
from datetime import date

from app.clock import Clock

Seconds = Callable[[], float]

_MINUTE = 60.0
_FAILURES = 4  # in a row before the provider is left alone: less than one run of the extract stage asks
_FIRST_REST = 10.0  # seconds; doubles with every further failure
_LONGEST_REST = 120.0


class TokenBudget:
    """Tokens of the running minute and of the UTC day; 0 is no limit. Thread-safe."""

    def __init__(self, per_minute: int, per_day: int, *, clock: Clock, monotonic: Seconds = time.monotonic) -> None:
        self._per_minute = per_minute
        self._per_day = per_day
        self._clock = clock
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._minute_began = monotonic()
        self._minute_used = 0
        self._day: date = clock().date()
        self._day_used = 0

    def wait_for(self, tokens: int) -> float | None:
        """Seconds until a question of so many tokens may go out, 0 for now, None for not today. Takes nothing."""
        with self._lock:
            self._roll()
            if self._per_day and self._day_used + tokens > self._per_day:
                return None
            if self._per_minute and self._minute_used and self._minute_used + tokens > self._per_minute:
                return max(0.0, self._minute_began + _MINUTE - self._monotonic())
            return 0.0

    def take(self, tokens: int) -> None:
        """Count tokens as used; a negative number gives back."""
        with self._lock:
            self._roll()
            self._minute_used = max(0, self._minute_used + tokens)
            self._day_used = max(0, self._day_used + tokens)

    def _roll(self) -> None:
        now = self._monotonic()
        if now - self._minute_began >= _MINUTE:
            self._minute_began, self._minute_used = now, 0
        today = self._clock().date()
        if today != self._day:
            self._day, self._day_used = today, 0


class Rest:
    """Leaves a provider alone that failed several times in a row, or that asked for it. Thread-safe."""

    def __init__(self, monotonic: Seconds = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._failures = 0
        self._until = 0.0

    @property
    def resting(self) -> bool:
        return self._monotonic() < self._until

    def failed(self, wanted: float = 0.0) -> None:
        """One more question without an answer; `wanted` are the seconds of a Retry-After."""
        with self._lock:
            self._failures += 1
            beyond = self._failures - _FAILURES
            pause = min(_LONGEST_REST, _FIRST_REST * 2 ** min(beyond, 8)) if beyond >= 0 else 0.0
            self._until = max(self._until, self._monotonic() + min(_LONGEST_REST, max(pause, wanted)))

    def answered(self) -> None:
        with self._lock:
            self._failures, self._until = 0, 0.0
