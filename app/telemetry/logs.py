"""JSON logs: a constant event name plus fields. Ids of a request or task are bound at the edges and carried along.

Values of users never belong in a field; `describe` keeps them out of errors too.
"""

import logging
import sys
import traceback

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

Logger = FilteringBoundLogger


def configure_logs(level: str, process: str) -> Logger:
    """Route structlog and the standard library to JSON lines on stderr; returns the process's logger."""

    def add_process(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
        event["process"] = process
        return event

    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_process,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name, _short_error],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(max(logging.getLevelNamesMapping()[level.upper()], logging.INFO))
    for noisy in ("httpx", "httpcore", "alembic", "psycopg.pool", "kombu", "celery", "uvicorn.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    logger: Logger = structlog.get_logger()
    return logger


def describe(error: BaseException) -> dict[str, str]:
    """An error as log fields: its class, its first line, and where it was raised. PostgreSQL prints values of rows from
    the second line on, so that is all that may be kept.
    """
    lines = str(error).splitlines()
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    return {
        "error_type": f"{type(error).__module__}.{type(error).__qualname__}",
        "error": lines[0][:300] if lines else "",
        "at": " < ".join(f"{f.filename.rpartition('/')[2]}:{f.lineno} {f.name}" for f in reversed(frames)),
    }


def _short_error(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """Replace a standard record's traceback by the same short fields."""
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    if isinstance(info, tuple) and info[1] is not None:
        event.update(describe(info[1]))
    return event
