"""`mneme migrate`: bring a database of one's own to the newest schema (server mode)."""

from typing import Annotated
from urllib.parse import unquote, urlsplit

import typer

from app.cli.console import errors, out
from app.cli.failure import CommandError
from app.embedded.bootstrap import create_key
from app.settings import Settings
from app.storage import migrate as schema
from app.storage.revision import head_revision


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("migrate")(migrate)


def migrate(
    with_key: Annotated[bool, typer.Option("--create-key", help="Print a new admin key of the first project.")] = False,
) -> None:
    """Create roles and tables, or upgrade them. Needs MIGRATION_DATABASE_URL and DATABASE_URL."""
    settings = Settings()
    if settings.migration_database_url is None or settings.database_url is None:
        raise CommandError(
            "set MIGRATION_DATABASE_URL (a role that may create roles) and DATABASE_URL (role mneme_app with the "
            "password that it shall have). `mneme serve` migrates its own database by itself."
        )
    password = urlsplit(settings.database_url.get_secret_value()).password
    if not password:
        raise CommandError("DATABASE_URL has no password: postgresql://mneme_app:PASSWORD@host/database")
    owner = settings.migration_database_url.get_secret_value()
    schema.migrate(owner, unquote(password))
    errors.print(f"The schema is at revision {head_revision()}.")
    if with_key:
        out.print(create_key(owner), soft_wrap=True)
