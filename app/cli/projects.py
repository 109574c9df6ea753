"""`mneme projects`: create and list projects (tenants)."""

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from app.cli.client import connect
from app.cli.console import errors, out
from app.settings import Settings

commands = typer.Typer(help="Projects: each is a tenant of its own.", no_args_is_help=True)


def register(root: typer.Typer) -> None:
    """Add the group."""
    root.add_typer(commands, name="projects")


@commands.command("create")
def create(name: Annotated[str, typer.Argument(help="A name for people.")]) -> None:
    """Make a project with an admin key of its own, which is shown this once."""
    with connect(Settings()) as service:
        project = service.post("/v1/projects", {"name": name})
        key = service.post("/v1/keys", {"name": "first", "scopes": ["admin"], "project_id": project["id"]})
    errors.print(f"Project {escape(project['name'])}: {project['id']}. Its admin key:")
    out.print(key["token"], soft_wrap=True)


@commands.command("list")
def list_projects() -> None:
    """Show the project of this key and those that it made."""
    with connect(Settings()) as service:
        projects = list(service.items("/v1/projects"))
    table = Table("Id", "Name", "Made")
    for project in projects:
        table.add_row(project["id"], escape(project["name"]), project["created_at"][:19].replace("T", " "))
    out.print(table)
