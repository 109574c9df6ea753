"""`mneme doctor`: look at every part, say what is wrong and what to do about it."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import typer
from rich.markup import escape
from rich.table import Table

from app.cli.client import Service, connect
from app.cli.console import out
from app.cli.failure import CommandError
from app.cli.model import is_exported
from app.settings import Settings

LITTLE_DISK = 1 << 30  # bytes; PostgreSQL stops the service when its disk is full
ADVICE = {
    "database": "see postgres.log in MNEME_HOME/logs, or the server behind DATABASE_URL",
    "schema": "run `mneme migrate` (embedded: restart `mneme serve`)",
    "encoder": "run `mneme model export`, or check EMBEDDING_URL",
    "index": "recall reads PostgreSQL meanwhile; check QDRANT_URL, then run `mneme reindex`",
    "hints": "work goes on more slowly without Redis; check REDIS_URL or valkey.log",
    "pipeline": "see worker.log in MNEME_HOME/logs; is a worker running?",
    "draining": "the process is stopping; wait for the next one",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `bad` findings make the exit code 1; others are advice."""

    what: str
    ok: bool
    detail: str
    advice: str = ""
    bad: bool = True


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("doctor")(doctor)


def doctor() -> None:
    """Check stores, schema, encoder, index and the ledger of work; exit code 1 when something needs doing."""
    settings = Settings()
    found = list(machine(settings))
    try:
        with connect(settings) as service:
            found.append(Finding("service", ok=True, detail=service.url))
            found += [*parts(service), *ledger(service)]
    except CommandError as error:
        found.append(Finding("service", ok=False, detail=str(error), advice="see MNEME_HOME/logs"))
    table = Table("Part", "State", "Detail", "What to do")
    for finding in found:
        state = "[green]ok[/]" if finding.ok else "[red]bad[/]" if finding.bad else "[yellow]look[/]"
        table.add_row(finding.what, state, escape(finding.detail), "" if finding.ok else escape(finding.advice))
    out.print(table)
    raise typer.Exit(1 if any(not f.ok and f.bad for f in found) else 0)


def machine(settings: Settings) -> Iterator[Finding]:
    """What can be seen without the service."""
    if settings.mneme_url is not None:
        return
    home = settings.mneme_home
    if home.exists():
        free = shutil.disk_usage(home).free
        yield Finding(
            "disk", ok=free > LITTLE_DISK, detail=f"{free / 1e9:.1f} GB free in {home}", advice="make room", bad=False
        )
    if settings.embedding_backend == "onnx" and settings.embedding_url is None:
        there = is_exported(settings.model_dir, settings.embedding_model)
        yield Finding(
            "model files", ok=there, detail=str(settings.model_dir), advice="run `mneme model export --force`"
        )


def parts(service: Service) -> Iterator[Finding]:
    """What the service says about itself."""
    report: dict[str, Any] = service.attempt("GET", "/health/ready").json()
    for name, part in report.get("parts", {}).items():
        yield Finding(name, ok=part["ok"], detail=part["detail"], advice=ADVICE.get(name, ""))


def ledger(service: Service) -> Iterator[Finding]:
    """Work that failed for good and waits for a person."""
    failed = list(service.items("/v1/jobs", state="failed"))
    errors = "; ".join(sorted({str(job["error"])[:80] for job in failed}))
    yield Finding(
        "failed jobs",
        ok=not failed,
        detail=f"{len(failed)} failed: {errors}" if failed else "none",
        advice="retry each: POST /v1/jobs/{id}/retry",
    )
