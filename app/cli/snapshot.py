"""`mneme snapshot`: name the present, list the names, and show what has changed since."""

from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from app.cli.client import Service, connect
from app.cli.console import out, progress
from app.cli.failure import CommandError
from app.settings import Settings

commands = typer.Typer(help="Named times of what was known.", no_args_is_help=True)
User = Annotated[str | None, typer.Option("--user", "-u", help="One user; without it, the project.")]


def register(root: typer.Typer) -> None:
    """Add the group."""
    root.add_typer(commands, name="snapshot")


@commands.command("create")
def create(name: Annotated[str, typer.Argument(help="How to call it.")], user: User = None) -> None:
    """Name the present. Nothing is copied."""
    with connect(Settings()) as service:
        made = service.post("/v1/cubes/snapshots", {"name": name} | ({"user_id": user} if user else {}))
    show([made])


@commands.command("list")
def list_snapshots(user: User = None) -> None:
    """Show the snapshots, the oldest first."""
    with connect(Settings()) as service:
        show(list(service.items("/v1/cubes/snapshots", user_id=user)))


@commands.command("diff")
def diff(
    snapshot: Annotated[str, typer.Argument(help="Its name or id.")],
    to: Annotated[str | None, typer.Option(help="Another one; the present without it.")] = None,
    user: User = None,
) -> None:
    """Show which memories have changed since, and how."""
    counts = {"added": 0, "removed": 0, "changed": 0}
    table = Table("What", "User", "Memory", "Field", "Before", "After")
    with connect(Settings()) as service, progress() as bar:
        start = find(service, snapshot, user)
        end = find(service, to, user)["id"] if to is not None else None
        task = bar.add_task("Comparing", total=None)
        for item in service.items(f"/v1/cubes/snapshots/{start['id']}/diff", to=end):
            counts[item["kind"]] += 1
            bar.update(task, completed=sum(counts.values()))
            for place, change in enumerate(_shown(item)):
                first = (item["kind"], escape(item["user_id"]), item["memory_id"]) if place == 0 else ("", "", "")
                table.add_row(*first, change["field"], _text(change["before"]), _text(change["after"]))
    if table.rows:
        out.print(table)
    out.print(", ".join(f"{number} {kind}" for kind, number in counts.items()))


@commands.command("delete")
def delete(snapshot: Annotated[str, typer.Argument(help="Its name or id.")], user: User = None) -> None:
    """Take a name away. What was known then stays known: rollbacks to the time itself still work."""
    with connect(Settings()) as service:
        one = find(service, snapshot, user)
        service.delete(f"/v1/cubes/snapshots/{one['id']}")
    show([one])
    out.print("Deleted.")


def find(service: Service, named: str, user: str | None) -> dict[str, Any]:
    """The snapshot of this id or name, of the user first; raises CommandError."""
    found: list[dict[str, Any]] = [
        one for one in service.items("/v1/cubes/snapshots") if named in {one["id"], one["name"]}
    ]
    fitting = [one for one in found if one["user_id"] in {user, None} or one["id"] == named]
    fitting.sort(key=lambda one: one["user_id"] is None)
    if user is None and len(fitting) > 1:
        raise CommandError(f"several snapshots are called {named}: give the id, or --user")
    if not fitting and len(found) == 1 and user is None:
        return found[0]
    if not fitting:
        raise CommandError(f"there is no snapshot {named}" + (f" of {user}" if user else ""))
    return fitting[0]


def show(snapshots: list[dict[str, Any]]) -> None:
    """Snapshots as a table."""
    table = Table("Id", "Name", "Of", "Known until", "By")
    for one in snapshots:
        of = escape(one["user_id"]) if one["user_id"] else "the project"
        table.add_row(one["id"], escape(one["name"]), of, one["at"], escape(one["created_by"]))
    out.print(table)


def _shown(item: dict[str, Any]) -> list[dict[str, Any]]:
    """Of what came or went its text; of what changed every field."""
    changes: list[dict[str, Any]] = item["changes"]
    if item["kind"] == "changed":
        return changes
    return [change for change in changes if change["field"] in {"text", "status"}]


def _text(value: Any) -> str:
    return "" if value is None else escape(str(value))
