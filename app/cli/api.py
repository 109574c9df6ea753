"""`mneme api`: one gateway process."""

import gc
import os
import signal
import socket
from types import FrameType

import typer
import uvicorn

from app.context import gateway_context
from app.embedded.gateway import LISTEN_VARIABLE
from app.embedded.parent import end_with_parent
from app.http.wire import ProblemProtocol
from app.ledger.replaying import replay
from app.main import create_app
from app.settings import Settings
from app.telemetry.threads import die_with_threads

DRAIN_SECONDS = 3  # for requests in flight; the supervisor waits one second longer


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("api")(api)


def api() -> None:
    """Run the HTTP gateway on MNEME_HOST and MNEME_PORT (server mode, or as a child of `mneme serve`)."""
    end_with_parent()
    settings = Settings()
    context = gateway_context(settings)
    die_with_threads(context.logger)
    again = replay(context.db, context.erasure_log) if settings.qdrant_url is None else 0  # else there is no log
    if again:
        context.logger.warning("erasures_replayed", n=again)
    inherited = os.environ.get(LISTEN_VARIABLE)
    sockets = [socket.socket(fileno=int(inherited))] if inherited else None
    config = uvicorn.Config(
        create_app(context),
        host=settings.mneme_host,
        port=settings.mneme_port,
        loop="uvloop",
        http=ProblemProtocol,
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _again)
    server = uvicorn.Server(config)
    _collect_less()
    try:
        server.run(sockets=sockets)
    finally:
        context.close()
    raise typer.Exit(0 if server.started else 1)


def _collect_less() -> None:
    """What was made up to now lasts as long as the process, and a recall makes some thousand objects that reference
    counting frees by itself: looking for cycles after every 700 costs a tenth of it.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)


def _again(_number: int, _frame: FrameType | None) -> None:
    """Uvicorn raises the signal once more after its shutdown; the context is closed first."""
