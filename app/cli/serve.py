"""`mneme serve`: the whole embedded stack in the foreground."""

import typer
from rich.markup import escape

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
    supervisor = Supervisor(settings, lambda line: errors.print(escape(line), highlight=False))
    ensure_model(settings)
    supervisor.run(announce)


def announce(running: Running) -> None:
    """Print where the service is and something to try."""
    url, key = running.url, running.key
    out.print(f"\n[bold green]Mneme is ready[/] at [bold]{url}[/]   (API description: {url}/docs)", highlight=False)
    if running.key_is_new:
        out.print(
            f"API key (shown this once, kept in {escape(running.key_file)}):\n  [bold]{key}[/]",
            highlight=False,
            soft_wrap=True,
        )
        shown = key
    else:
        out.print(f"API key: in {escape(running.key_file)}", highlight=False, soft_wrap=True)
        shown = f"$(cat {running.key_file})"
    out.print("\nTry it:", highlight=False)
    for line in example(url, shown):
        out.print(escape(line), highlight=False, soft_wrap=True)
    out.print("\nCtrl-C stops everything.", highlight=False)


def example(url: str, key: str) -> list[str]:
    """A shell command that stores an event and one that recalls it."""
    head = [f'  -H "Authorization: Bearer {key}" \\', "  -H 'Content-Type: application/json' \\"]
    event = (
        '{"events": [{"user_id": "anna", "session_id": "s1", "role": "user", "content": "I moved to Lisbon in May."}]}'
    )
    query = '{"user_id": "anna", "query": "Where does Anna live?"}'
    return [
        f"curl -s {url}/v1/events \\",
        *head,
        f"  -d '{event}'",
        f"curl -s {url}/v1/recall \\",
        *head,
        f"  -d '{query}'",
    ]
