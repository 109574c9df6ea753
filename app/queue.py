"""Hints: "look at the rows of this kind". The work itself is in the ledger; a hint only saves waiting for the sweeper.

The one place outside `workers` that knows Celery. A dead Redis costs a caller nothing: hints leave on a thread.
"""

import threading
import time
from collections.abc import Callable
from typing import Protocol

from celery import Celery
from kombu.exceptions import OperationalError as BrokerError
from redis import Redis
from redis.exceptions import RedisError

QUEUE = "mneme"
WORK_TASK = "mneme.work"
MAINTAIN_TASK = "mneme.maintain"

CONNECT_SECONDS = 0.2  # Redis is near: what takes longer counts as down
EXPIRES_SECONDS = 30  # an older hint is worthless, the sweeper has looked many times since
PAUSE_SECONDS = 2.0  # how long a broken Redis is left alone

Outcome = Callable[[str], None]  # called with sent, failed or skipped


class HintSender(Protocol):
    """Wakes the workers. Call it after the commit; it never raises and never waits."""

    def send(self, kind: str) -> None:
        """There is work of this kind."""

    def maintain(self) -> None:
        """A schedule is due."""

    def healthy(self) -> bool:
        """Whether hints arrive; asks Redis, so it may take a moment."""

    def close(self) -> None:
        """Stop; hints that are still here may be dropped."""


class NoHints:
    """Without Redis the sweepers alone find the work."""

    def send(self, kind: str) -> None:
        """Nothing to wake."""

    def maintain(self) -> None:
        """Nothing to wake."""

    def healthy(self) -> bool:
        """Nothing can be broken."""
        return True

    def close(self) -> None:
        """Nothing to stop."""


class CeleryHints:
    """Hints as Celery messages. Kinds that are named several times before the thread comes round leave once."""

    def __init__(self, redis_url: str, outcome: Outcome) -> None:
        self._celery = producer(redis_url)
        self._redis = Redis.from_url(redis_url, socket_connect_timeout=CONNECT_SECONDS, socket_timeout=CONNECT_SECONDS)
        self._outcome = outcome
        self._wanted: set[tuple[str, str]] = set()  # (task, argument)
        self._changed = threading.Condition()
        self._closed = False
        self._retry_at = 0.0
        self._thread = threading.Thread(target=self._run, name="hints", daemon=True)
        self._thread.start()

    def send(self, kind: str) -> None:
        """There is work of this kind."""
        self._want(WORK_TASK, kind)

    def maintain(self) -> None:
        """A schedule is due."""
        self._want(MAINTAIN_TASK, "")

    def healthy(self) -> bool:
        """Whether Redis answers a ping now."""
        try:
            return bool(self._redis.ping())
        except (RedisError, OSError):
            return False

    def close(self) -> None:
        """Send what is there, then stop."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(timeout=3 * CONNECT_SECONDS)
        self._celery.close()
        self._redis.close()

    def _want(self, task: str, argument: str) -> None:
        with self._changed:
            self._wanted.add((task, argument))
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._wanted and not self._closed:
                    self._changed.wait()
                wanted, self._wanted = sorted(self._wanted), set()
                if not wanted:
                    return
            for task, argument in wanted:
                self._outcome(self._send(task, argument))

    def _send(self, task: str, argument: str) -> str:
        if time.monotonic() < self._retry_at:
            return "skipped"
        try:
            self._celery.send_task(
                task,
                args=[argument] if argument else [],
                queue=QUEUE,
                expires=EXPIRES_SECONDS,
                retry=False,
                ignore_result=True,
            )
        except (BrokerError, RedisError, OSError):
            self._retry_at = time.monotonic() + PAUSE_SECONDS
            return "failed"
        return "sent"


def producer(redis_url: str) -> Celery:
    """A Celery app that only sends: JSON, no results, short timeouts, no retries."""
    celery = Celery("mneme", broker=redis_url, set_as_current=False)
    celery.conf.update(
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        task_default_queue=QUEUE,
        broker_connection_timeout=CONNECT_SECONDS,
        broker_transport_options={
            "socket_connect_timeout": CONNECT_SECONDS,
            "socket_timeout": CONNECT_SECONDS,
            "max_retries": 1,
            "interval_start": 0,
            "interval_step": 0,
            "interval_max": 0,
            "retry_on_timeout": False,
        },
    )
    return celery


def create_hints(redis_url: str | None, outcome: Outcome) -> HintSender:
    """Hints over Redis, or none where there is no Redis."""
    return CeleryHints(redis_url, outcome) if redis_url else NoHints()
