"""`mneme backup` and `mneme restore`: the database of the embedded stack in one file, and back. The index is not in it:
it is made anew from the database.
"""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from app.cli.console import out, progress
from app.cli.failure import CommandError
from app.context import open_database
from app.embedded import archive, restoring
from app.embedded.archive import Manifest
from app.embedded.home import Home
from app.erasure_log import ErasureList
from app.ledger.replaying import replay
from app.settings import Settings


def register(root: typer.Typer) -> None:
    """Add the commands."""
    root.command("backup")(backup)
    root.command("restore")(restore)


def backup(
    file: Annotated[Path, typer.Argument(help="The file to write; it must not be there yet.")],
    *,
    lines: Annotated[bool, typer.Option("--lines", help="For programs: progress and outcome as JSON lines.")] = False,
) -> None:
    """Write the whole database to a file, whether the service runs or not. Keep it as you keep the data: it holds
    everything but the secrets of API keys. Later erasures are done again when it is restored.
    """
    if lines:
        manifest = archive.write(Settings(), file, lambda done, total: tell(done=done, total=total))
        tell(tables=len(manifest.rows), rows=sum(manifest.rows.values()), revision=manifest.revision)
        return
    with progress() as bar:
        task = bar.add_task("Backing up", total=None)
        manifest = archive.write(Settings(), file, lambda done, total: bar.update(task, completed=done, total=total))
    show(manifest, f"Backup of revision {manifest.revision} in {file}")


def restore(
    file: Annotated[Path | None, typer.Argument(help="A file that `mneme backup` has written.")] = None,
    *,
    force: Annotated[bool, typer.Option("--force", help="Replace what is in MNEME_HOME now.")] = False,
    erasures: Annotated[
        Path | None, typer.Option("--erasures", help="Only erase again what this list names, in DATABASE_URL.")
    ] = None,
) -> None:
    """Make the database of MNEME_HOME that of a backup, with the service stopped: check it, load it, bring it to this
    version, and erase again what was erased since. The index fills at the next start.
    """
    if (file is None) == (erasures is None):
        raise CommandError("name the backup to restore, or with --erasures the list that deploy/restore.sh has made")
    if erasures is not None:
        database = open_database(Settings(), size=2)
        try:
            again = replay(database, ErasureList(erasures))
        finally:
            database.close()
        out.print(f"{again} erasures were done again.")
        return
    assert file is not None  # noqa: S101 - one of the two is given
    settings = Settings()
    listed = Home(settings.mneme_home.expanduser().absolute()).erasure_log
    known = listed.exists()
    with progress() as bar:
        task = bar.add_task("Restoring", total=None)
        manifest, again = restoring.restore(
            settings, file, lambda done, total: bar.update(task, completed=done, total=total), force=force
        )
    show(manifest, f"Restored from {file}")
    if not known:
        out.print(
            f"There was no list of erasures ({listed}), so what was erased after the backup is back. If it was made on"
            " another machine, copy the list from there before you start the service: the start erases it again.",
            style="yellow",
            soft_wrap=True,
        )
    out.print(f"{again} erasures made since were done again. Start the service with `mneme serve`.")


def tell(**values: int | str) -> None:
    """One line for the program that reads, which the console would wrap."""
    typer.echo(json.dumps(values))


def show(manifest: Manifest, title: str) -> None:
    """Rows by table."""
    table = Table("Table", "Rows", title=title, title_justify="left")
    table.columns[1].justify = "right"
    for name, rows in sorted(manifest.rows.items()):
        if rows:
            table.add_row(name, str(rows))
    out.print(table)
