"""SIGTERM: first say "not ready" and go on serving, so that balancers look elsewhere; then let the server stop."""

import asyncio
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from fastapi import FastAPI


@contextmanager
def watch(app: FastAPI, seconds: float) -> Iterator[None]:
    """Stand before the server's own handler of SIGTERM while the app runs; a second signal goes through."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before = signal.getsignal(signal.SIGTERM)

    def stop(number: int, frame: FrameType | None) -> None:
        if callable(before):
            before(number, frame)

    def drain(number: int, frame: FrameType | None) -> None:
        if app.state.draining or seconds == 0:
            app.state.draining = True
            stop(number, frame)
            return
        app.state.draining = True
        loop.call_soon_threadsafe(loop.call_later, seconds, stop, number, None)

    signal.signal(signal.SIGTERM, drain)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
