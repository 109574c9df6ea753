"""Running a job from the terminal: asked for, followed with a bar, shown as a table. For commands that are one job."""

import time
from typing import Any

from rich.table import Table

from app.cli.client import Service
from app.cli.console import out, progress
from app.cli.failure import CommandError

POLL_SECONDS = 0.3
ITEMS_SHOWN = 50


def run_job(service: Service, label: str, body: dict[str, Any]) -> dict[str, Any]:
    """Ask for the job `body`, wait with a bar until it is over, and return it; raises CommandError when it failed."""
    return follow(service, label, service.post("/v1/jobs", body))


def follow(service: Service, label: str, job: dict[str, Any]) -> dict[str, Any]:
    """Wait with a bar until this job is over, and return it; raises CommandError when it failed."""
    with progress() as bar:
        task = bar.add_task(label, total=None)
        while job["state"] not in {"done", "failed"}:
            time.sleep(POLL_SECONDS)
            job = service.get(f"/v1/jobs/{job['id']}")
            bar.update(task, completed=job["done"], total=job["total"])
    if job["state"] == "failed":
        raise CommandError(f"job {job['id']} failed: {job['error']}. Retry it with POST /v1/jobs/{job['id']}/retry.")
    return job


def show_counts(job: dict[str, Any], title: str) -> None:
    """The counts of a finished job as a table."""
    table = Table("What", "Number", title=title, title_justify="left")
    table.columns[1].justify = "right"
    for name, number in sorted(job["counts"].items()):
        table.add_row(name.replace("_", " "), str(number))
    out.print(table)


def show_items(service: Service, job: dict[str, Any]) -> None:
    """What the job did or would do: the first items, and how to get the others."""
    page = service.get(f"/v1/jobs/{job['id']}/items?limit={ITEMS_SHOWN}")
    if not page["items"]:
        return
    table = Table("User", "What", "Id", "Action", "Why")
    for item in page["items"]:
        table.add_row(item["user_id"], item["target_kind"], item["target_id"], item["action"], item["reason"])
    out.print(table)
    if page["next_cursor"]:
        out.print(f"These are the first {ITEMS_SHOWN}; all are at GET /v1/jobs/{job['id']}/items.")
