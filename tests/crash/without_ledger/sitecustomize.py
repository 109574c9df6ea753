"""The known-bad control: in a gateway, work is kept in memory and handed over after the answer, as a web framework's
background task would do. Python loads this file at its start when its directory is on PYTHONPATH.
"""

import os
import sys
import threading

HAND_OVER_SECONDS = 1.0


def break_the_gateway() -> None:
    """Replace the ledger's `enqueue` by one that waits outside the transaction."""
    from app.storage import work  # noqa: PLC0415 - only a gateway pays for it
    from app.storage.db import Database  # noqa: PLC0415

    enqueue = work.enqueue
    database = Database(os.environ["DATABASE_URL"], size=2)
    opened = threading.Lock()
    state = {"open": False}

    def later(scope, *arguments, **named):
        with opened:
            if not state["open"]:
                database.open()
                state["open"] = True
        with database.transaction(scope) as connection:
            enqueue(connection, scope, *arguments, **named)

    def from_memory(_connection, scope, *arguments, **named):
        timer = threading.Timer(HAND_OVER_SECONDS, later, (scope, *arguments), named)
        timer.daemon = True
        timer.start()

    work.enqueue = from_memory


if "api" in sys.orig_argv and "DATABASE_URL" in os.environ:
    break_the_gateway()
