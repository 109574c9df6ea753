"""`mneme sleep`: put together what says the same, tidy links and scenes, and reflect across sessions, now."""

from typing import Annotated, Any

import typer

from app.cli.client import connect
from app.cli.console import out
from app.cli.jobs import run_job, show_counts, show_items
from app.settings import Settings


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("sleep")(sleep)


def sleep(
    *,
    user: Annotated[str | None, typer.Option(help="Only this user; else everybody.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change, and why.")] = False,
) -> None:
    """Sleep-time work, which runs by itself once a day: merges, links, scenes, reflections, contradictions."""
    body: dict[str, Any] = {"kind": "sleep", "dry_run": dry_run}
    if user is not None:
        body["scope"] = {"user_id": user}
    with connect(Settings()) as service:
        job = run_job(service, "Looking" if dry_run else "Sleeping", body)
        show_items(service, job)
    show_counts(job, "What would change" if dry_run else "What changed")
    if job["counts"].get("out_of_time"):
        out.print("For some users the time was over (policy: sleep.deadline_seconds); the next run goes on.")
