"""The command tree: which module holds which command. Only the module that is asked for is imported."""

import importlib
from collections.abc import Sequence
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.markup import escape

from app.cli.console import errors
from app.cli.failure import CommandError
from app.embedded.home import EmbeddedError
from app.errors import MnemeError

MODULES = {
    "serve": "app.cli.serve",
    "demo": "app.cli.demo",
    "doctor": "app.cli.doctor",
    "events": "app.cli.events",
    "recall": "app.cli.recall",
    "explain": "app.cli.explain",
    "eval": "app.cli.evaluate",
    "export": "app.cli.cubes",
    "import": "app.cli.cubes",
    "forget": "app.cli.forget",
    "backup": "app.cli.backup",
    "restore": "app.cli.backup",
    "keys": "app.cli.keys",
    "projects": "app.cli.projects",
    "reindex": "app.cli.reindex",
    "decay": "app.cli.decay",
    "sleep": "app.cli.sleep",
    "model": "app.cli.model",
    "snapshot": "app.cli.snapshot",
    "rollback": "app.cli.rollback",
    "audit": "app.cli.audit",
    "api": "app.cli.api",
    "worker": "app.cli.worker",
    "beat": "app.cli.beat",
    "migrate": "app.cli.migrate",
}
NO_SUCH = 2  # exit code of a wrong command line


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    try:
        return int(tree(arguments)(args=list(arguments), prog_name="mneme", standalone_mode=True) or 0)
    except (CommandError, EmbeddedError, MnemeError) as error:
        errors.print(f"[bold red]Error:[/] {escape(str(error))}")
        return 1
    except OSError as error:
        if error.filename is None or error.strerror is None:  # nothing that a person named
            raise
        errors.print(f"[bold red]Error:[/] {escape(f'{error.filename}: {error.strerror}')}", soft_wrap=True)
        return 1
    except ValidationError as error:
        for problem in error.errors():
            name = "_".join(str(part) for part in problem["loc"]).upper()
            errors.print(f"[bold red]Error:[/] {escape(name)}: {escape(problem['msg'])}")
        return NO_SUCH


def tree(arguments: Sequence[str]) -> typer.Typer:
    """The command that the line names, or all of them for help and for a word that we do not know."""
    root = typer.Typer(
        name="mneme",
        help="Memory as a service for chat apps: events in, ranked context out.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    root.callback()(_root)
    wanted = arguments[0] if arguments else ""
    for module in [MODULES[wanted]] if wanted in MODULES else dict.fromkeys(MODULES.values()):
        importlib.import_module(module).register(root)
    return root


def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.", is_eager=True)] = False,
) -> None:
    """Memory as a service for chat apps: events in, ranked context out."""
    if version:
        from importlib.metadata import version as installed  # noqa: PLC0415 - for this flag only

        typer.echo(installed("mneme-server"))
        raise typer.Exit
