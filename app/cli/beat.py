"""`mneme beat`: one process that says when schedules are due. Several do no harm."""

import typer

from app.settings import Settings
from workers.app import run_beat


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("beat")(beat)


def beat() -> None:
    """Run beat (server mode)."""
    raise typer.Exit(run_beat(Settings()))
