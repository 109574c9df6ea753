"""`mneme worker`: one process that does the work of the ledger."""

from typing import Annotated

import typer

from app.embedded.parent import end_with_parent
from app.settings import Settings
from workers.app import run_worker


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("worker")(worker)


def worker(
    beat: Annotated[bool, typer.Option("--beat", help="Also say when schedules are due.")] = False,
) -> None:
    """Run a worker (server mode, or as a child of `mneme serve`)."""
    end_with_parent()
    raise typer.Exit(run_worker(Settings(), beat=beat))
