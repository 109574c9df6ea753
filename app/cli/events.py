"""`mneme events import`: send a file of events, as often as it takes."""

import re
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Annotated

import httpx
import typer
from rich.progress import Progress, TaskID

from app.cli import import_file
from app.cli.client import connect, explain
from app.cli.console import out, progress
from app.cli.failure import CommandError
from app.cli.waiting import wait_processed
from app.settings import Settings

commands = typer.Typer(help="Conversation events.", no_args_is_help=True)
POINTER = re.compile(r"/events/(\d+)(/.*)?")


def register(root: typer.Typer) -> None:
    """Add the group."""
    root.add_typer(commands, name="events")


@commands.callback()
def group() -> None:
    """Conversation events."""


@commands.command("import")
def import_events(
    file: Annotated[
        Path, typer.Argument(help="One event a line, as POST /v1/events takes it.", exists=True, dir_okay=False)
    ],
    user: Annotated[str | None, typer.Option(help="user_id of lines that have none.")] = None,
    session: Annotated[str | None, typer.Option(help="session_id of lines that have none.")] = None,
    wait: Annotated[bool, typer.Option(help="Wait until the workers have finished with them.")] = False,
) -> None:
    """Send the events of FILE. Repeating it sends nothing twice: every event has an id."""
    total = import_file.count(file)
    users: Counter[str] = Counter()
    accepted = duplicates = 0
    with connect(Settings()) as service, progress() as bar:
        task = bar.add_task("Sending", total=total)
        for batch in import_file.batches(import_file.read(file, user, session)):
            answer = service.attempt("POST", "/v1/events", json={"events": [line.event for line in batch]})
            if not answer.is_success:
                raise CommandError(where(answer, batch))
            accepted += answer.json()["accepted"]
            duplicates += answer.json()["duplicates"]
            users.update(str(line.event["user_id"]) for line in batch)
            bar.advance(task, len(batch))
        if wait:
            task = bar.add_task("Understanding", total=total)
            for name, number in users.items():
                before = bar.tasks[task].completed
                wait_processed(service, name, number, partial(advance, bar, task, before))
    out.print(f"{accepted} accepted, {duplicates} already there.")


def advance(bar: Progress, task: TaskID, before: float, done: int) -> None:
    """Show that `done` of a user's events are done, beside those of the users before."""
    bar.update(task, completed=before + done)


def where(answer: httpx.Response, batch: list[import_file.Line]) -> str:
    """The refusal with the line of the file instead of the place in the request."""

    def line(match: re.Match[str]) -> str:
        return f"line {batch[int(match[1])].number}{match[2] or ''}"

    return POINTER.sub(line, explain(answer))
