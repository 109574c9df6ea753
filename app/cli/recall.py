"""`mneme recall`: ask for context as an app would."""

import json
from typing import Annotated, Any

import typer

from app.cli.client import connect
from app.cli.console import out
from app.cli.shown import answer_view
from app.cli.traced import trace_view
from app.settings import Settings


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("recall")(recall)


def recall(  # noqa: PLR0913, PLR0917 - a command's options are its parameters
    question: Annotated[str, typer.Argument(help="What the app wants to know.")],
    user: Annotated[str, typer.Option("--user", "-u", help="Whose memory.")],
    session: Annotated[str | None, typer.Option("--session", "-s", help="Add this session's last turns.")] = None,
    limit: Annotated[int | None, typer.Option(help="Most items (10).", min=1, max=100)] = None,
    max_tokens: Annotated[int | None, typer.Option(help="Budget of the context (1000).", min=16, max=200_000)] = None,
    as_of: Annotated[str | None, typer.Option(help="Ask as at this RFC 3339 time.")] = None,
    context: Annotated[bool, typer.Option(help="Show the packed context too.")] = True,
    trace: Annotated[bool, typer.Option(help="Show how the answer came about.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as it came.")] = False,
) -> None:
    """Ask QUESTION and show the ranked context with its scores and sources."""
    body: dict[str, Any] = {
        "query": question,
        "user_id": user,
        "session_id": session,
        "limit": limit,
        "max_tokens": max_tokens,
        "as_of": as_of,
        "include": ["trace"] if trace else None,
    }
    with connect(Settings()) as service:
        answer = service.post("/v1/recall", {k: v for k, v in body.items() if v is not None})
        weights = service.get("/v1/policy")["policy"]["recall"] if trace and not as_json else {}
    if as_json:
        typer.echo(json.dumps(answer, ensure_ascii=False, indent=2))
    else:
        out.print(answer_view(answer, context=context))
        if trace:
            out.print(trace_view(answer["trace"], weights))
