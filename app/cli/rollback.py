"""`mneme rollback`: bring a user's memories back to what was known at a snapshot or a time."""

from datetime import datetime
from typing import Annotated, Any

import typer

from app.cli.client import connect
from app.cli.console import out
from app.cli.failure import CommandError
from app.cli.jobs import follow, show_counts, show_items
from app.cli.snapshot import find
from app.settings import Settings


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("rollback")(rollback)


def rollback(
    to: Annotated[str, typer.Option(help="A snapshot (name or id), or a time like 2026-05-04T10:00:00+01:00.")],
    *,
    user: Annotated[str | None, typer.Option("--user", "-u", help="Whose memories.")] = None,
    all_users: Annotated[bool, typer.Option("--all-users", help="Those of everybody in the project.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what would change, change nothing.")] = False,
) -> None:
    """Make the memories what they were known to be then. Nothing is lost: it can be rolled back itself."""
    if (user is None) == (not all_users):
        raise CommandError("say whose memories: --user NAME, or --all-users")
    with connect(Settings()) as service:
        whose = {"user_id": user} if user is not None else {"all_users": True}
        body: dict[str, Any] = whose | {"dry_run": dry_run}
        moment = _moment(to)
        body |= {"known_at": moment} if moment else {"snapshot_id": find(service, to, user)["id"]}
        job = follow(service, "Comparing" if dry_run else "Rolling back", service.post("/v1/cubes/rollback", body))
        undo = job["counts"].pop("undo_known_at", None)
        show_items(service, job)
    show_counts(job, "Would change" if dry_run else "Changed")
    if undo:
        who = f"--user {user}" if user is not None else "--all-users"
        out.print(f"To undo it: mneme rollback {who} --to {undo}", soft_wrap=True)


def _moment(text: str) -> str | None:
    """The time that the text is, with its offset; None for a name."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.astimezone().isoformat() if moment.tzinfo is None else moment.isoformat()
