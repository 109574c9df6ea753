"""`mneme reindex`: rebuild the search index from PostgreSQL while the service answers."""

from typing import Annotated

import typer

from app.cli.client import connect
from app.cli.console import out
from app.cli.jobs import run_job
from app.cli.reembed import embed_again
from app.settings import Settings


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("reindex")(reindex)


def reindex(
    *,
    embed: Annotated[
        bool, typer.Option("--embed", help="Embed everything again; the service must be stopped.")
    ] = False,
) -> None:
    """Fill a fresh index from the vectors in PostgreSQL, check it, and switch to it."""
    if embed:
        embed_again(Settings())
        return
    with connect(Settings()) as service:
        job = run_job(service, "Rebuilding the index", {"kind": "reindex"})
    counts = ", ".join(f"{name} {number}" for name, number in sorted(job["counts"].items()))
    out.print(f"The index is rebuilt. {counts}")
