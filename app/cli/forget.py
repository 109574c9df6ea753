"""`mneme forget`: erase a user, a session, a memory or an event, and see the receipt."""

import time
from typing import Annotated, Any

import typer
from rich.table import Table

from app.cli.client import Service, connect
from app.cli.console import out, progress
from app.cli.failure import CommandError
from app.settings import Settings

POLL_SECONDS = 0.3
STEPS = {"erasing": 0, "rewriting": 1, "done": 2}


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("forget")(forget)


def forget(  # noqa: PLR0913 - options
    *,
    user: Annotated[str, typer.Option("--user", "-u", help="Whose.")],
    session: Annotated[str | None, typer.Option("--session", "-s", help="One session of the user.")] = None,
    memory: Annotated[str | None, typer.Option("--memory", help="One memory, by its id.")] = None,
    event: Annotated[str | None, typer.Option("--event", help="One event, by its id.")] = None,
    derived: Annotated[bool, typer.Option("--derived", help="Keep the events, erase what was made of them.")] = False,
    wait: Annotated[bool, typer.Option(help="Wait until every store is clean.")] = True,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Erase for good: nothing of it is shown from now on, and the receipt says when every store is rid of it."""
    given = [name for name, value in (("session", session), ("memory", memory), ("event", event)) if value]
    if len(given) > 1:
        raise CommandError(f"only one of --session, --memory, --event: {', '.join(given)}")
    what = f"{given[0]} {session or memory or event} of user {user}" if given else f"everything of user {user}"
    if derived:
        what = f"what was made of {what}"
    if not yes:
        typer.confirm(f"Erase {what}? This cannot be undone.", abort=True)
    with connect(Settings()) as service:
        receipt = _follow(service, _ask(service, user, (session, memory, event), derived=derived), wait=wait)
    show(receipt)


def _ask(
    service: Service, user: str, target: tuple[str | None, str | None, str | None], *, derived: bool
) -> dict[str, Any]:
    session, memory, event = target
    if memory:
        where = service.send("DELETE", f"/v1/memories/{memory}").headers["Location"]
        return dict(service.get(where))
    if session or event or derived:
        if not session and not event:
            raise CommandError("--derived needs --session or --event")
        body = {"user_id": user, "session_id": session, "event_id": event, "derived_only": derived}
        return dict(service.post("/v1/erasures", {name: value for name, value in body.items() if value}))
    return dict(service.send("DELETE", f"/v1/users/{user}").json())


def _follow(service: Service, receipt: dict[str, Any], *, wait: bool) -> dict[str, Any]:
    """Wait with a bar until nothing is pending."""
    with progress() as bar:
        task = bar.add_task("Erasing", total=len(STEPS) - 1)
        while wait and receipt["state"] != "done":
            time.sleep(POLL_SECONDS)
            receipt = service.get(f"/v1/erasures/{receipt['id']}")
            bar.update(task, completed=STEPS[receipt["state"]])
    return receipt


def show(receipt: dict[str, Any]) -> None:
    """The receipt: rows by table, and what was done about each store."""
    table = Table("Where", "What", title=f"Receipt {receipt['id']}: {receipt['state']}", title_justify="left")
    for name, rows in sorted(receipt["counts"].items()):
        table.add_row(name, f"{rows} rows")
    for name, said in sorted(receipt["stores"].items()):
        table.add_row(name.replace("_", " "), said)
    for name in receipt["pending"]:
        table.add_row(name.replace("_", " "), "pending")
    out.print(table)
    if receipt["signature"]:
        out.print(f"Signature: {receipt['signature']}", soft_wrap=True)
