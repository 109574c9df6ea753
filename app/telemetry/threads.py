"""Threads that nobody watches: an error that ends one ends the process, and whoever supervises it starts it again."""

import os
import threading

from app.telemetry.logs import Logger, describe


def die_with_threads(logger: Logger) -> None:
    """Let an error that nobody caught end the process: a process with a dead thread looks alive and does nothing."""

    def hook(args: threading.ExceptHookArgs) -> None:
        thread = args.thread.name if args.thread else "?"
        logger.critical("thread_died", thread=thread, **(describe(args.exc_value) if args.exc_value else {}))
        os._exit(70)  # EX_SOFTWARE; the supervisor starts it again

    threading.excepthook = hook
