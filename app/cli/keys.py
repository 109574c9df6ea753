"""`mneme keys`: create, list and revoke API keys of the project."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from app.cli.client import connect
from app.cli.console import out
from app.clock import utc_now
from app.settings import Settings

commands = typer.Typer(help="API keys of the project.", no_args_is_help=True)
DEFAULT_SCOPES = ["events:write", "recall", "memories:read", "memories:write"]


def register(root: typer.Typer) -> None:
    """Add the group."""
    root.add_typer(commands, name="keys")


@commands.command("create")
def create(  # noqa: PLR0913, PLR0917 - a command's options are its parameters
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    scope: Annotated[
        list[str] | None, typer.Option("--scope", help="May be repeated; all but admin by default.")
    ] = None,
    project: Annotated[str | None, typer.Option(help="Id of a project that this one made.")] = None,
    user: Annotated[str | None, typer.Option(help="Bind the key to one user.")] = None,
    session: Annotated[str | None, typer.Option(help="Bind the key to one session of that user.")] = None,
    days: Annotated[int | None, typer.Option(help="Days until it expires.", min=1)] = None,
) -> None:
    """Make a key; it is shown this once."""
    body = {
        "name": name,
        "scopes": scope or DEFAULT_SCOPES,
        "project_id": project,
        "user_id": user,
        "session_id": session,
        "expires_at": (utc_now() + timedelta(days=days)).isoformat() if days is not None else None,
    }
    with connect(Settings()) as service:
        made = service.post("/v1/keys", {k: v for k, v in body.items() if v is not None})
    out.print(made["token"], soft_wrap=True)


@commands.command("list")
def list_keys() -> None:
    """Show the project's keys (never their secrets)."""
    with connect(Settings()) as service:
        keys = list(service.items("/v1/keys"))
    table = Table("Id", "Name", "Scopes", "Bound to", "Expires", "Last used", "State")
    for key in keys:
        bound = "/".join(part for part in (key["user_id"], key["session_id"]) if part)
        table.add_row(
            key["id"],
            escape(key["name"]),
            ", ".join(key["scopes"]),
            escape(bound),
            _day(key["expires_at"]),
            _day(key["last_used_at"]),
            "revoked" if key["revoked_at"] else "live",
        )
    out.print(table)


@commands.command("revoke")
def revoke(key_id: Annotated[str, typer.Argument(help="The id, as `mneme keys list` shows it.")]) -> None:
    """End a key; at most a second later it opens nothing."""
    with connect(Settings()) as service:
        service.delete(f"/v1/keys/{key_id}")
    out.print(f"Revoked {escape(key_id)}.")


def _day(instant: str | None) -> str:
    return datetime.fromisoformat(instant).astimezone(UTC).strftime("%Y-%m-%d %H:%M") if instant else ""
