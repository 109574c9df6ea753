"""Waiting until the workers have finished with a user's events, for a progress bar."""

import time
from collections.abc import Callable

from app.cli.client import Service

POLL_SECONDS = 0.3


def wait_processed(service: Service, user_id: str, total: int, advance: Callable[[int], None]) -> None:
    """Return when no event of the user is pending; `advance` is told how many of `total` are done."""
    while True:
        pending = sum(1 for _ in service.items("/v1/events", user_id=user_id, state="pending"))
        advance(max(0, total - pending))
        if pending == 0:
            return
        time.sleep(POLL_SECONDS)
