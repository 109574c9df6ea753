"""`mneme decay`: archive what has faded, expire what is over; with --dry-run only list it."""

from typing import Annotated, Any

import typer

from app.cli.client import connect
from app.cli.console import out
from app.cli.jobs import run_job, show_counts, show_items
from app.settings import Settings


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("decay")(decay)


def decay(
    *,
    user: Annotated[str | None, typer.Option("--user", help="Of this user only.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what would change and why; change nothing.")] = False,
) -> None:
    """Archive what has faded, expire what is over. Nothing is deleted, and what is archived comes back when used."""
    body: dict[str, Any] = {"kind": "decay", "dry_run": dry_run}
    if user is not None:
        body["scope"] = {"user_id": user}
    with connect(Settings()) as service:
        job = run_job(service, "Looking at memories" if dry_run else "Sweeping", body)
        show_items(service, job)
    show_counts(job, "What would change" if dry_run else "What has changed")
    if set(job["counts"]) <= {"users"}:
        out.print("Nothing has faded and nothing is over.")
