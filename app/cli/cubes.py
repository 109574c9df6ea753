"""`mneme export` and `mneme import`: a user's memory as one file, out of a service and into one."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import IO, Annotated, Any
from uuid import uuid4

import typer
from rich.progress import Progress, TaskID
from rich.table import Table

from app.cli.client import Service, connect
from app.cli.console import errors, out, progress
from app.cli.failure import CommandError
from app.cli.files import written
from app.cli.jobs import follow, show_counts, show_items
from app.settings import Settings

PIECE = 262_144  # bytes of an upload at once
UPLOAD_SECONDS = 3_600.0  # for one request; the service takes as long
FATES = ("added", "unchanged", "skipped", "replaced", "not_taken", "erased_before")


class Part(StrEnum):
    """What a file may hold beside memories."""

    VECTORS = "vectors"
    EVENTS = "events"
    VERSIONS = "versions"
    LINKS = "links"
    BLOCKS = "blocks"
    ARTEFACTS = "artefacts"
    POLICY = "policy"


class Conflict(StrEnum):
    """What becomes of a memory that is there already."""

    SKIP = "skip"
    NEWER = "newer"
    REPLACE = "replace"
    DUPLICATE = "duplicate"


def register(root: typer.Typer) -> None:
    """Add the commands."""
    root.command("export")(export)
    root.command("import")(import_)


def export(  # noqa: PLR0913 - what may be left out
    file: Annotated[Path, typer.Argument(help="Where to write, as JSON lines.", dir_okay=False)],
    user: Annotated[str, typer.Option("--user", "-u", help="Whose memory.")],
    *,
    session: Annotated[str | None, typer.Option("--session", "-s", help="Of this session only.")] = None,
    agent: Annotated[str | None, typer.Option("--agent", help="Of this agent only.")] = None,
    scene: Annotated[str | None, typer.Option("--scene", help="Of this scene only, by its id.")] = None,
    types: Annotated[list[str] | None, typer.Option("--type", help="Memories of this type only; repeatable.")] = None,
    include: Annotated[
        list[Part] | None, typer.Option("--include", help="What goes in beside memories, in place of all; repeatable.")
    ] = None,
    secrets: Annotated[bool, typer.Option("--secrets", help="Show secrets; needs an admin key.")] = False,
) -> None:
    """Write all that is remembered of a user into FILE, which `mneme import` reads."""
    body: dict[str, Any] = {"user_id": user, "session_id": session, "agent_id": agent, "scene_id": scene}
    body |= {"secrets": secrets or None, "filters": {"types": types} if types else None}
    if include:
        body["include"] = [part.value for part in include]
    elif session is agent is scene is None and not types:
        body["include"] = [part.value for part in Part if part is not Part.POLICY]
    with connect(Settings()) as service, written(file) as target:
        counts = _download(service, {k: v for k, v in body.items() if v is not None}, target)
    table = Table("What", "Lines", title=f"{file}: {file.stat().st_size:,} bytes", title_justify="left")
    table.columns[1].justify = "right"
    for name, number in counts.items():
        table.add_row(name.replace("_", " "), f"{number:,}")
    out.print(table)


def _download(service: Service, body: dict[str, Any], target: IO[bytes]) -> dict[str, int]:
    """Write the answer with a bar, and check that it is whole; the counts of its trailer."""
    digest, last = sha256(), b""
    with service.stream("POST", "/v1/cubes/export", json=body) as pieces, progress() as bar:
        task = bar.add_task("Exporting", total=None)
        for line in _lines(pieces):
            if not last:
                total = sum(json.loads(line).get("counts", {}).values())
                bar.update(task, total=total + 2)
            digest.update(last)
            last = line
            target.write(line)
            bar.advance(task)
    try:
        trailer = json.loads(last)
    except ValueError:
        trailer = {}
    if trailer.get("sha256") != digest.hexdigest():
        raise CommandError("the file is not whole: the service ended it early. Try again.")
    counts: dict[str, int] = trailer["counts"]
    return counts


def _lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The lines, each with its end."""
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        yield from (line + b"\n" for line in whole)
    if rest:
        yield rest


@dataclass(frozen=True)
class _Upload:
    """A file as a body that can be sent again from its start, with a bar."""

    file: Path
    bar: Progress
    task: TaskID

    def __iter__(self) -> Iterator[bytes]:
        self.bar.update(self.task, completed=0)
        with self.file.open("rb") as source:
            while piece := source.read(PIECE):
                yield piece
                self.bar.advance(self.task, len(piece))


def import_(  # noqa: PLR0913 - how it is taken
    file: Annotated[Path, typer.Argument(help="A file of `mneme export`.", exists=True, dir_okay=False)],
    user: Annotated[str, typer.Option("--user", "-u", help="Into whose memory.")],
    *,
    conflict: Annotated[Conflict, typer.Option(help="What becomes of what is there already.")] = Conflict.SKIP,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Report what would be done, change nothing.")] = False,
    restore_erased: Annotated[
        bool, typer.Option("--restore-erased", help="Take also what was deleted or erased there.")
    ] = False,
    apply_policy: Annotated[bool, typer.Option("--apply-policy", help="Take the policy in the file, too.")] = False,
) -> None:
    """Take FILE into a user's memory. The same file twice changes nothing the second time."""
    query = {
        "user_id": user,
        "conflict": conflict.value,
        "dry_run": str(dry_run).lower(),
        "restore_erased": str(restore_erased).lower(),
        "apply_policy": str(apply_policy).lower(),
    }
    with connect(Settings()) as service:
        with progress() as bar:
            upload = _Upload(file, bar, bar.add_task("Sending", total=file.stat().st_size))
            headers = {"Content-Type": "application/octet-stream", "Idempotency-Key": uuid4().hex}
            job = service.send(
                "POST", "/v1/cubes/import", params=query, content=upload, headers=headers, timeout=UPLOAD_SECONDS
            ).json()
        job = follow(service, "Importing", job)
        _show(job, "Would be done" if dry_run else f"{user} now has")
        show_items(service, job)
    if job["counts"].get("invalid_lines"):
        errors.print(f"Nothing was imported: {job['counts']['invalid_lines']} lines are wrong.", style="bold red")
        raise typer.Exit(1)


def _show(job: dict[str, Any], title: str) -> None:
    """The counts by kind of line and fate; others below."""
    rows: dict[str, dict[str, int]] = {}
    other: dict[str, int] = {}
    for name, number in job["counts"].items():
        fate = next((fate for fate in FATES if name.endswith(f"_{fate}")), None)
        if fate is None:
            other[name] = number
        else:
            rows.setdefault(name.removesuffix(f"_{fate}"), {})[fate] = number
    shown = [fate for fate in FATES if any(fate in row for row in rows.values())]
    table = Table("What", *(fate.replace("_", " ") for fate in shown), title=title, title_justify="left")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, row in rows.items():
        table.add_row(name.replace("_", " "), *(f"{row.get(fate, 0):,}" for fate in shown))
    out.print(table)
    if other:
        show_counts(job | {"counts": other}, "Beside that")
