"""`mneme audit`: who did what, as a table or a file, and whether the chain holds."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from app.cli.client import Service, connect
from app.cli.console import out, progress
from app.cli.failure import CommandError
from app.cli.files import written
from app.settings import Settings

SHOWN = 50


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("audit")(audit)


def audit(  # noqa: PLR0913 - filters
    user: Annotated[str | None, typer.Option("--user", "-u", help="What concerns one user.")] = None,
    export: Annotated[Path | None, typer.Option(help="Write lines of JSON to this file.")] = None,
    *,
    actor: Annotated[str | None, typer.Option(help="By whom: pipeline, key:ID or job:ID.")] = None,
    action: Annotated[str | None, typer.Option(help="What was done, as in memory.update.")] = None,
    since: Annotated[str | None, typer.Option("--from", help="At or after this time.")] = None,
    until: Annotated[str | None, typer.Option("--to", help="Before this time.")] = None,
    training: Annotated[bool, typer.Option("--training", help="Rows to learn from, with --export.")] = False,
    verify: Annotated[bool, typer.Option("--verify", help="Check the chain.")] = False,
) -> None:
    """Show the first entries, or export all of them, or check that none was changed since it was sealed."""
    if training and export is None:
        raise CommandError("--training is a format of --export: name the file")
    narrow = {"user_id": user, "actor": actor, "action": action, "from": since, "to": until}
    with connect(Settings()) as service:
        if export is not None:
            _export(service, export, narrow | {"format": "training" if training else "entries"})
        if verify:
            _verify(service)
        if export is None and not verify:
            _show(service.get("/v1/audit", **narrow, limit=SHOWN))


def _show(page: dict[str, Any]) -> None:
    table = Table("When", "Who", "What", "Target", "Why", "Fields")
    for entry in page["items"]:
        fields = ", ".join(change["field"] for change in entry["changes"])
        table.add_row(
            entry["at"],
            escape(entry["actor"]),
            entry["action"],
            escape(f"{entry['target_kind']} {entry['target_id']}"),
            escape(entry["reason"] or ""),
            "redacted" if entry["redacted"] else fields,
        )
    out.print(table)
    if page["next_cursor"]:
        out.print(f"These are the first {SHOWN}; --export FILE writes all.")


def _export(service: Service, file: Path, query: dict[str, Any]) -> None:
    asked = {name: value for name, value in query.items() if value is not None}
    lines = size = 0
    with (
        written(file) as target,
        service.stream("GET", "/v1/audit/export", params=asked) as pieces,
        progress() as bar,
    ):
        task = bar.add_task("Exporting", total=None)
        for piece in pieces:
            target.write(piece)
            lines, size = lines + piece.count(b"\n"), size + len(piece)
            bar.update(task, completed=lines)
        bar.update(task, total=lines)
    table = Table("Entries", "Bytes", "File")
    table.add_row(str(lines), str(size), escape(str(file)))
    out.print(table)


def _verify(service: Service) -> None:
    checked = {"checked": 0, "redacted": 0, "gone": 0}
    breaks: list[dict[str, Any]] = []
    after: int | None = 0
    head = None
    with progress() as bar:
        task = bar.add_task("Checking the chain", total=None)
        while after is not None:
            found = service.get("/v1/audit/verify", after=after)
            checked = {name: number + found[name] for name, number in checked.items()}
            breaks += found["breaks"]
            after, head = found["next_after"], found["head"]
            bar.update(task, completed=checked["checked"], total=head["seq"] if head else 0)
    table = Table("Entries", "Redacted", "Gone", "Breaks")
    table.add_row(*(str(number) for number in (*checked.values(), len(breaks))))
    out.print(table)
    for one in breaks:
        out.print(f"[red]{one['seq']}[/] {one['entry']}: {one['problem']}")
    if head is not None:
        out.print(f"Newest seal: {head['seq']} {head['hash']}", soft_wrap=True)
    if breaks:
        raise CommandError("the chain does not hold")
