"""What extraction and consolidation of LoCoMo conversations cost, on a real PostgreSQL, locally and with a model.

    python bench/cost.py --data FILE [--conversations 5]

Stores the turns as the gateway does, then runs the stages in this process and adds up their process time (this process
on one core: PostgreSQL is another) and wall time, the encoder's share apart. The model is a scripted chat endpoint on
loopback that writes one statement a turn, so the second row is what a model costs us besides its own time.
"""

import argparse
import json
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from app.clock import new_id, utc_now
from app.context import ProcessContext
from app.domain.event import NewEvent
from app.domain.scope import ProjectScope, UserScope
from app.domain.work import WorkKind
from app.inference.llm import ChatModel, ModelEndpoint
from app.inference.protocol import Encoder
from app.inference.select import load_encoder
from app.ledger.runner import Runner, Stage
from app.queue import NoHints
from app.services.collections import LiveCollection
from app.settings import Settings
from app.storage import events, work
from app.storage.db import Database
from app.storage.events import EventInsert
from app.telemetry.logs import configure_logs
from app.telemetry.metrics import Metrics
from bench.locomo_events import events_of
from tests.support.scripted_llm import scripted_llm
from tests.support.stack import running_postgres
from workers.stages import stages_for

KINDS = (WorkKind.EXTRACT.value, WorkKind.CONSOLIDATE.value)


@dataclass
class Spent:
    """Seconds by stage."""

    process: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    wall: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    @contextmanager
    def on(self, name: str) -> Iterator[None]:
        """Add the time of the block."""
        process, wall = time.process_time(), time.perf_counter()
        yield
        self.process[name] += time.process_time() - process
        self.wall[name] += time.perf_counter() - wall


class TimedEncoder:
    """The encoder, timed apart."""

    def __init__(self, inner: Encoder, spent: Spent) -> None:
        self._inner, self._spent = inner, spent
        self.fingerprint, self.dimension = inner.fingerprint, inner.dimension

    def encode(self, texts: list[str]) -> np.ndarray:
        """As the encoder does."""
        with self._spent.on("encode"):
            return self._inner.encode(texts)


def timed(stages: Mapping[str, Stage], spent: Spent) -> dict[str, Stage]:
    """The stages of extraction and consolidation, timed."""

    def wrap(kind: str, stage: Stage) -> Stage:
        def run(*args: Any) -> None:
            with spent.on(kind):
                stage.run(*args)

        return Stage(run, stage.deadline)

    return {kind: wrap(kind, stages[kind]) for kind in KINDS}


def store(database: Database, project: ProjectScope, samples: list[dict[str, Any]]) -> int:
    """The turns of all conversations and their work; returns how many turns."""
    turns = 0
    for number, sample in enumerate(samples):
        user = f"locomo-{number}"
        rows = [
            EventInsert(
                new_id(),
                NewEvent(user, e.session_id, e.role, e.content, e.occurred_at, e.client_id, name=e.name),
                e.client_id.encode(),
            )
            for e in events_of(sample)[0]
        ]
        with database.transaction(project) as conn:
            events.insert_events(conn, project, rows)
            for session in dict.fromkeys(row.event.session_id for row in rows):
                work.enqueue(conn, UserScope(project.project_id, user), WorkKind.EXTRACT, session_id=session)
        turns += len(rows)
    return turns


def measure(name: str, samples: list[dict[str, Any]], dsn: str, encoder: Encoder, llm: ChatModel | None) -> None:
    """Run one way of reading and print its row."""
    spent = Spent()
    database = Database(dsn, size=4)
    database.open()
    context = ProcessContext(
        settings=Settings(),
        db=database,
        encoder=TimedEncoder(encoder, spent),  # type: ignore[arg-type] - what the stages use of it
        index=None,
        collections=LiveCollection(database),
        clock=utc_now,
        new_id=new_id,
        hints=NoHints(),
        logger=configure_logs("error", "bench"),
        metrics=Metrics(),
    )
    context = replace(context, llm=llm)
    project = ProjectScope(uuid4())
    with database.transaction(project) as conn:
        conn.execute("INSERT INTO projects (id, name) VALUES (%s, 'bench')", (project.project_id,))
    turns = store(database, project, samples)
    runner = Runner(context, timed(stages_for(context), spent))
    done = 0
    while runner.run_one(KINDS):
        done += 1
        if sys.stderr.isatty():
            print(f"\r{name}: {done} units", end="\r", file=sys.stderr, flush=True)
    with database.transaction(project) as conn:
        conn.execute("SELECT set_config('mneme.all_users', 'on', true)")
        found = conn.execute("SELECT count(*) AS n FROM memories").fetchone()
    database.close()
    per_turn = {kind: 1e3 * seconds / turns for kind, seconds in spent.process.items()}
    own = per_turn["extract"] + per_turn["consolidate"] - per_turn["encode"]
    wall = sum(spent.wall[kind] for kind in KINDS)
    print(
        f"| {name} | {turns} | {found['n'] if found else 0} | {per_turn['extract']:.2f} | {per_turn['consolidate']:.2f}"
        f" | {per_turn['encode']:.2f} | {own:.2f} | {1e3 * wall / turns:.1f} |"
    )


def main() -> None:
    """Both ways in one run, each on rows of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--conversations", type=int, default=5)
    args = parser.parse_args()
    samples = json.loads(args.data.read_text())[: args.conversations]
    encoder = load_encoder(Settings())
    print("| Path | Turns | Memories | Extract, ms a turn | Consolidate | Encoder | Both without | Wall, s per 1,000 |")
    with ExitStack() as stack:
        postgres = stack.enter_context(running_postgres())
        measure("local", samples, postgres.app_dsn, encoder, None)
        script = stack.enter_context(scripted_llm("good"))
        model = ChatModel(ModelEndpoint(script.url, "scripted", timeout=5.0), Metrics())
        stack.callback(model.close)
        measure("scripted model", samples, postgres.app_dsn, encoder, model)


if __name__ == "__main__":
    main()
