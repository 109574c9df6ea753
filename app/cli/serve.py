"""`mneme serve`: the whole embedded stack in the foreground."""

import sys

import typer
from rich.markup import escape
from rich.text import Text

from app.cli.console import errors, out
from app.cli.failure import CommandError
from app.cli.model import ensure_model
from app.embedded.supervisor import Running, Supervisor
from app.settings import Settings


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("serve")(serve)


def serve() -> None:
    """Start PostgreSQL, Valkey, the gateway and the worker, and stay until Ctrl-C."""
    settings = Settings()
    if not settings.embedded:
        raise CommandError(
            "DATABASE_URL is set: in server mode run `mneme migrate`, then `mneme api`, `mneme worker`, `mneme beat`."
        )
    supervisor = Supervisor(settings, lambda line: errors.print(escape(line)))
    ensure_model(settings)
    supervisor.run(announce)


def announce(running: Running) -> None:
    """Print where the service is and something to try."""
    url, key = running.url, running.key
    out.print(f"\n[bold green]Mneme is ready[/] at [bold]{url}[/]   API description: {url}/docs", soft_wrap=True)
    if running.key_is_new:
        out.print(f"API key, shown this once and kept in {escape(running.key_file)}:\n  [bold]{key}[/]", soft_wrap=True)
        shown = key
    else:
        out.print(f"API key: in {escape(running.key_file)}", soft_wrap=True)
        shown = f"$(cat {running.key_file})"
    out.print("\nTry it:\n")
    out.print(Text(example(url, shown)), soft_wrap=True)
    out.print("\nCtrl-C stops everything.")
    sys.stdout.flush()


def example(url: str, key: str) -> str:
    """Shell commands that store an event and ask about it."""
    event = '{"events": [{"user_id": "anna", "session_id": "s1", "role": "user", "content": "I moved to Lisbon."}]}'
    query = '{"user_id": "anna", "query": "Where does Anna live?"}'
    head = f'-H "Authorization: Bearer {key}" -H "Content-Type: application/json"'
    return f"curl -s {url}/v1/events {head} \\\n  -d '{event}'\ncurl -s {url}/v1/recall {head} \\\n  -d '{query}'"
