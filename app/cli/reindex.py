"""`mneme reindex`: rebuild the search index from PostgreSQL while the service answers."""

import time
from typing import Annotated

import typer

from app.cli.client import connect
from app.cli.console import out, progress
from app.cli.failure import CommandError
from app.cli.reembed import embed_again
from app.settings import Settings

POLL_SECONDS = 0.5


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
    with connect(Settings()) as service, progress() as bar:
        job = service.post("/v1/jobs", {"kind": "reindex"})
        task = bar.add_task("Rebuilding the index", total=None)
        while job["state"] not in {"done", "failed"}:
            time.sleep(POLL_SECONDS)
            job = service.get(f"/v1/jobs/{job['id']}")
            bar.update(task, completed=job["done"], total=job["total"])
    if job["state"] == "failed":
        raise CommandError(f"job {job['id']} failed: {job['error']}. Retry it with POST /v1/jobs/{job['id']}/retry.")
    counts = ", ".join(f"{name} {number}" for name, number in sorted(job["counts"].items()))
    out.print(f"The index is rebuilt. {counts}")
