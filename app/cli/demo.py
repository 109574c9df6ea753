"""`mneme demo`: a temporary instance, a conversation of several weeks, questions, and nothing left behind."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import typer
from rich.markup import escape
from rich.rule import Rule

from app.cli.client import Service, started
from app.cli.console import errors, out, progress
from app.cli.model import ensure_model
from app.cli.shown import answer_view
from app.cli.waiting import wait_processed
from app.settings import Settings

USER = "maya"
BATCH = 10
QUESTIONS = (
    "Where does Maya live now?",
    "When is Maya's half marathon?",
    "What is Maya allergic to?",
    "What is the name of Maya's dog and how is he?",
    "Which laptop did the assistant recommend?",
    "Who is Tomasz?",
)


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("demo")(demo)


def demo() -> None:
    """Show what the service does, on an instance that is gone afterwards."""
    settings = Settings()
    ensure_model(settings)
    events = conversation()
    sessions = len({event["session_id"] for event in events})
    with temporary_service(settings) as service:
        with progress() as bar:
            sending = bar.add_task(f"Sending {sessions} sessions", total=len(events))
            for start in range(0, len(events), BATCH):
                batch = events[start : start + BATCH]
                service.post("/v1/events", {"events": batch})
                bar.advance(sending, len(batch))
            working = bar.add_task("Workers remember", total=len(events))
            wait_processed(service, USER, len(events), lambda done: bar.update(working, completed=done))
        for question in QUESTIONS:
            out.print(Rule(f"[bold]{escape(question)}[/]", align="left"))
            body = {"user_id": USER, "query": question, "limit": 4, "max_tokens": 300, "mode": "fast"}
            out.print(answer_view(service.post("/v1/recall", body), context=question is QUESTIONS[0]))
        counts = memory_counts(service)
        out.print(Rule())
        out.print(f"{len(events)} turns became {sum(counts.values())} memories: {describe(counts)}.")
    errors.print("The instance and its data are gone. `mneme serve` starts one that stays.")


def conversation() -> list[dict[str, Any]]:
    """The bundled events, oldest first."""
    text = (files("app.cli") / "demo_conversation.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines() if line]


@contextmanager
def temporary_service(settings: Settings) -> Iterator[Service]:
    """A service on a home that lasts as long as the block; the encoder is that of the real home."""
    directory = Path(tempfile.mkdtemp(prefix="mneme-demo-"))
    home = directory / "home"
    try:
        errors.print("Starting a temporary instance.", style="dim")
        with started(home, {"MNEME_MODEL_DIR": str(settings.model_dir.absolute())}) as url:
            key = (home / "api_key").read_text().strip()
            with Service(url, key) as service:
                yield service
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def memory_counts(service: Service) -> dict[str, int]:
    """How many memories of each status there are."""
    counts: dict[str, int] = {}
    for memory in service.items("/v1/memories", user_id=USER, status="any"):
        counts[memory["status"]] = counts.get(memory["status"], 0) + 1
    return counts


def describe(counts: dict[str, int]) -> str:
    """`41 active, 3 superseded`."""
    return ", ".join(f"{number} {status}" for status, number in sorted(counts.items()))
