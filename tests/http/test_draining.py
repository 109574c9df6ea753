"""SIGTERM behind a balancer: not ready at once, the server's own handler only after the delay."""

import asyncio
import os
import signal
import time
from types import SimpleNamespace

import pytest

from app.http import draining


@pytest.fixture
def stops():
    """When the server's own handler ran."""
    seen: list[float] = []
    before = signal.signal(signal.SIGTERM, lambda *_: seen.append(time.monotonic()))
    yield seen
    signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize(("seconds", "signals"), [(0.3, 1), (0, 1), (30, 2)])
def test_it_drains_before_it_stops(stops, seconds, signals):
    app = SimpleNamespace(state=SimpleNamespace(draining=False))

    async def run() -> float:
        with draining.watch(app, seconds):
            started = time.monotonic()
            for _ in range(signals):
                os.kill(os.getpid(), signal.SIGTERM)
                await asyncio.sleep(0.05)
                assert app.state.draining
            while not stops and time.monotonic() - started < 5:  # noqa: ASYNC110 - a signal handler has no event
                await asyncio.sleep(0.01)
        return stops[0] - started

    took = asyncio.run(run())
    expected = 0.3 if (seconds, signals) == (0.3, 1) else 0.0
    assert expected <= took < expected + 1
    assert len(stops) == 1
