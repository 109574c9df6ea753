"""A simulated year: people say what matters and what passes, ask for some of it, and decay sweeps run; then everything
that matters is asked for. Real PostgreSQL, index, encoder, stages and jobs in this process; only the clock is injected.

    python bench/lifecycle.py [--users 50] [--weeks 52] [--alone] [--out FILE] [--plot docs/lifecycle.png]
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from rich.console import Console
from rich.progress import track
from rich.table import Table

from app.clock import new_id, utc_now
from app.context import ProcessContext
from app.domain.event import NewEvent, Role
from app.domain.query import Kind, Narrowing, RecallQuery
from app.domain.scope import ProjectScope, UserScope
from app.domain.strength import RETURNED, USED, strengths
from app.domain.work import WorkKind
from app.evaluation.curves import need_matplotlib
from app.index.edge import EdgeIndex
from app.inference.protocol import Encoder
from app.inference.select import load_encoder
from app.ledger.index_runner import INDEX_STAGES
from app.ledger.runner import Runner
from app.queue import NoHints
from app.services import jobs, lifecycle, recall, recall_search
from app.services import policy as policies
from app.services.collections import LiveCollection, ensure_live
from app.services.recall_answer import RecallResult, compose
from app.settings import Settings
from app.storage import events, work
from app.storage import lifecycle as store
from app.storage.db import Database
from app.storage.events import EventInsert
from app.telemetry.logs import configure_logs
from app.telemetry.metrics import Metrics
from bench.lifecycle_plot import Week, draw
from bench.year_of import WEEKS, Fact, year
from tests.support.stack import running_postgres
from workers.stages import stages_for

START = datetime(2025, 6, 2, 6, tzinfo=UTC)  # a Monday
FOUND_IN = 5  # items
RECALLED_BAR, ARCHIVED_BAR, GROWTH_BAR = 0.99, 0.90, 1.02
PACE = 2  # weeks that pass at a time
TIDY_EVERY = 4  # weeks: scenes and blocks decide nothing here

# What the database stamped with its own clock is moved to the simulated one: recorded when it was said.
BACKDATE = (
    "UPDATE memories SET created_at = occurred_at, updated_at = %(now)s WHERE created_at > %(real)s",
    "UPDATE memories SET updated_at = %(now)s WHERE updated_at > %(real)s",
    "UPDATE memory_versions SET recorded_at = %(now)s WHERE recorded_at > %(real)s",
    "UPDATE memory_versions SET recorded_until = %(now)s WHERE recorded_until > %(real)s",
)
TOLD = "SELECT m.id, m.user_id, m.status, s.event_id FROM memories m JOIN memory_sources s ON s.memory_id = m.id"


@dataclass
class Outcome:
    """A whole run."""

    users: int
    weeks: list[Week]
    important: int
    recalled: int
    recalled_with_turns: int
    passing: int
    passing_archived: int
    deleted: int
    back: int
    missed: list[str]
    seconds: float

    @property
    def growth(self) -> float:
        """Active memories in the last quarter over those in the quarter before, each as its mean."""
        quarter = max(1, len(self.weeks) // 4)
        last, before = (
            sum(week.active for week in weeks) / len(weeks)
            for weeks in (self.weeks[-quarter:], self.weeks[-2 * quarter : -quarter])
        )
        return last / max(1.0, before)

    def ratios(self) -> dict[str, tuple[float, float, bool]]:
        """What is measured against which bar, and whether it is met."""
        recalled, archived = self.recalled / self.important, self.passing_archived / self.passing
        return {
            f"important facts in the top {FOUND_IN} memories": (recalled, RECALLED_BAR, recalled >= RECALLED_BAR),
            "passing facts archived": (archived, ARCHIVED_BAR, archived >= ARCHIVED_BAR),
            "active memories, last quarter / the one before": (self.growth, GROWTH_BAR, self.growth <= GROWTH_BAR),
            "memories deleted": (self.deleted, 0, self.deleted == 0),
        }


class Life:
    """A project whose time is simulated."""

    def __init__(  # noqa: PLR0913, PLR0917 - where, for whom, how they ask
        self,
        context: ProcessContext,
        project: ProjectScope,
        owner: Database,
        users: int,
        weeks: int,
        kinds: frozenset[Kind],
    ) -> None:
        self.now, self._real = START, utc_now()
        self.context = replace(context, clock=lambda: self.now)
        self.project, self._owner, self._weeks = project, owner, weeks
        self._runner = Runner(self.context, {**stages_for(self.context), **INDEX_STAGES})
        self.years = {f"user-{number}": year(number, weeks) for number in range(users)}
        self._kinds = kinds
        self._events: dict[UUID, tuple[str, Fact]] = {}
        self.back = 0

    def scope(self, user: str) -> UserScope:
        return UserScope(self.project.project_id, user)

    def live(self, week: int) -> Week:
        """PACE weeks of everybody from this one on: they talk, the pipeline reads, they ask, and a sweep runs."""
        begin, end = timedelta(weeks=week), timedelta(weeks=week + PACE)
        self.now = START + end
        for user, facts in self.years.items():
            self._say(user, week, [fact for fact in facts if begin <= fact.at < end])
        self._run(*(kind for kind in self._runner.kinds if kind != WorkKind.TIDY or week % TIDY_EVERY == 0))
        self._backdate(self.now)
        for user, facts in self.years.items():
            for fact in facts:
                for _ in {*fact.asked} & {*range(week, week + PACE)}:
                    self._ask_and_use(user, fact)
        with self.context.db.transaction(self.project) as conn:
            jobs.create(conn, self.project, new_id(), "decay", {}, dry_run=False, actor="bench")
        self._run(WorkKind.JOB, WorkKind.INDEX)
        self._backdate(self.now)
        return self._look(week + PACE)

    def _say(self, user: str, week: int, facts: list[Fact]) -> None:
        rows = []
        for fact in facts:
            said = NewEvent(user, f"week-{week}", Role.USER, fact.text, START + fact.at)
            rows.append(EventInsert(new_id(), said, f"{user} {fact.text} {fact.at}".encode()))
            self._events[rows[-1].id] = (user, fact)
        if rows:
            with self.context.db.transaction(self.project) as conn:
                events.insert_events(conn, self.project, rows)
                work.enqueue(conn, self.scope(user), WorkKind.EXTRACT, session_id=f"week-{week}")

    def _run(self, *kinds: str) -> None:
        """Run these kinds until nothing is left, without waiting for anybody to be quiet."""
        while True:
            with self._owner.transaction(None) as conn:
                conn.execute("UPDATE work SET run_after = now() WHERE kind = ANY (%s)", (list(kinds),))
            if not self._runner.run_one(list(kinds)):
                return
            while self._runner.run_one(list(kinds)):
                pass

    def _backdate(self, now: datetime) -> None:
        with self._owner.transaction(None) as conn:
            for statement in BACKDATE:
                conn.execute(statement, {"now": now, "real": self._real})

    def ask(self, user: str, question: str, *, kinds: frozenset[Kind], archived: bool = False) -> RecallResult:
        """A recall, in the steps that the gateway takes."""
        context, narrowing = self.context, Narrowing(kinds=kinds, include_archived=archived)
        query = RecallQuery(self.scope(user), question, now=self.now, limit=FOUND_IN, narrowing=narrowing)
        model = context.encoder.fingerprint
        assert context.index is not None
        with context.db.transaction(query.scope) as conn:
            prepared = recall.prepare(conn, query, context.memo, model=model)
        asked = recall_search.ask(context.encoder, prepared.plan)
        hits = recall_search.search(context.index, context.collections.name(), query, asked, prepared.policy.recall)
        with context.db.transaction(query.scope) as conn:
            gathered = recall.gather(lambda: conn, query, prepared, asked, hits, model=model)
        return compose(query, gathered, degraded=False, seconds={})

    def tells(self, item: Any, fact: Fact, user: str) -> bool:
        """Whether the item rests on the turn that said this."""
        sources = {source.event_id for source in item.sources} | {item.id}
        return any(self._events.get(id_) == (user, fact) for id_ in sources)

    def _ask_and_use(self, user: str, fact: Fact) -> None:
        """What is returned counts half, as the gateway counts it; what answers the question is confirmed."""
        found = self.ask(user, fact.question, kinds=self._kinds)
        uses = dict.fromkeys(found.used_ids, RETURNED)
        uses |= {item.id: USED for item in found.items if item.kind is Kind.MEMORY and self.tells(item, fact, user)}
        with self.context.db.transaction(self.scope(user)) as conn:
            wanted = lifecycle.note_uses(conn, self.scope(user), uses, self.now)
        if wanted:
            with self.context.db.transaction(self.scope(user)) as conn:
                self.back += len(lifecycle.come_back(conn, self.scope(user), wanted, self.now))

    def told(self) -> list[tuple[UUID, str, Fact]]:
        """Each memory with its status and the fact that it tells."""
        with self._owner.transaction(None) as conn:
            rows = conn.execute(TOLD).fetchall()
        return [(row["id"], row["status"], self._events[row["event_id"]][1]) for row in rows]

    def _look(self, week: int) -> Week:
        with self._owner.transaction(None) as conn:
            counts = {
                row["status"]: row["n"]
                for row in conn.execute("SELECT status, count(*) AS n FROM memories GROUP BY status").fetchall()
            }
        facts = {memory_id: fact for memory_id, _, fact in self.told()}
        kinds: dict[str, list[float]] = {}
        for user in self.years:
            with self.context.db.transaction(self.scope(user)) as conn:
                settings = policies.effective(conn, self.scope(user)).retention
                memories = [kept.memory for kept in store.kept(conn, self.scope(user))]
            for memory, stands in zip(memories, strengths(memories, settings, self.now), strict=True):
                if memory.id in facts:
                    kinds.setdefault(kind_of(facts[memory.id]), []).append(stands.strength)
        strength = {kind: sum(values) / len(values) for kind, values in sorted(kinds.items())}
        return Week(week, sum(counts.values()), counts.get("active", 0), counts.get("archived", 0), strength)


def kind_of(fact: Fact) -> str:
    """Important or passing, asked for or not."""
    return f"{'important' if fact.important else 'passing'}, {'asked for' if fact.asked else 'never asked for'}"


@contextmanager
def living(encoder: Encoder, users: int, weeks: int, kinds: frozenset[Kind]) -> Iterator[Life]:
    """A life on stores of its own."""
    with running_postgres() as postgres, tempfile.TemporaryDirectory(prefix="mneme-year-") as folder:
        settings = Settings.model_validate({"mneme_home": folder, "database_url": postgres.app_dsn})
        database, owner = Database(postgres.app_dsn, size=4), Database(postgres.owner_dsn, size=1)
        database.open()
        owner.open()
        index = EdgeIndex(Path(folder) / "index")
        ensure_live(database, index, encoder)
        context = ProcessContext(
            settings=settings, db=database, encoder=encoder, index=index, collections=LiveCollection(database),
            clock=utc_now, new_id=new_id, hints=NoHints(), logger=configure_logs("warning", "bench"), metrics=Metrics(),
        )  # fmt: skip
        project = ProjectScope(new_id())
        with database.transaction(project) as conn:
            conn.execute("INSERT INTO projects (id, name) VALUES (%s, 'a year')", (project.project_id,))
        try:
            yield Life(context, project, owner, users, weeks, kinds)
        finally:
            index.close()
            owner.close()
            database.close()


def run(encoder: Encoder, users: int, weeks: int, *, alone: bool = False, quiet: bool = False) -> Outcome:
    """Live the weeks, asking over memories and turns or over memories `alone`; then ask for everything that matters."""
    began = time.perf_counter()
    with living(encoder, users, weeks, frozenset({Kind.MEMORY} if alone else Kind)) as life:
        seen = [life.live(week) for week in track(range(0, weeks, PACE), "weeks", disable=quiet)]
        important = [(user, fact) for user, facts in life.years.items() for fact in facts if fact.important]
        missed, with_turns = [], 0
        for user, fact in important:
            items = life.ask(user, fact.question, kinds=frozenset({Kind.MEMORY})).items
            if not any(life.tells(item, fact, user) for item in items):
                missed.append(f"{user}: {fact.text}")
            items = life.ask(user, fact.question, kinds=frozenset(Kind)).items
            with_turns += any(life.tells(item, fact, user) for item in items)
        passing = [(status, fact) for _, status, fact in life.told() if not fact.important]
        assert len(passing) > len(important), "most turns became no memory"
        return Outcome(
            users=users,
            weeks=seen,
            important=len(important),
            recalled=len(important) - len(missed),
            recalled_with_turns=with_turns,
            passing=len(passing),
            passing_archived=sum(status == "archived" for status, _ in passing),
            deleted=max(week.total for week in seen) - seen[-1].total + sum(s == "erased" for _, s, _ in life.told()),
            back=life.back,
            missed=missed,
            seconds=time.perf_counter() - began,
        )


def show(outcome: Outcome) -> None:
    """The tables."""
    table = Table("after week", "memories", "active", "archived", "active per user")
    for week in outcome.weeks[:: max(1, len(outcome.weeks) // 13)]:
        per_user = f"{week.active / outcome.users:.1f}"
        table.add_row(str(week.week), f"{week.total:,}", f"{week.active:,}", f"{week.archived:,}", per_user)
    Console().print(table)
    table = Table("figure", "measured", "bar", "met")
    for name, (value, bar, met) in outcome.ratios().items():
        table.add_row(name, f"{value:.3f}", f"{bar:.2f}", "yes" if met else "no")
    Console().print(table)
    print(
        f"{outcome.recalled_with_turns / outcome.important:.3f} of the important facts among memories and turns;"
        f" {outcome.back} memories came back from the archive; {outcome.seconds:.0f} s"
    )
    for line in outcome.missed[:10]:
        print("missed:", line)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--weeks", type=int, default=WEEKS)
    parser.add_argument("--alone", action="store_true", help="people ask over memories alone, not over turns")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--plot", type=Path)
    args = parser.parse_args()
    if args.plot:
        need_matplotlib()
    encoder = load_encoder(Settings())
    outcome = run(encoder, args.users, args.weeks, alone=args.alone)
    encoder.close()
    show(outcome)
    if args.out:
        args.out.write_text(json.dumps(asdict(outcome) | {"ratios": outcome.ratios()}, indent=1))
    if args.plot:
        draw(outcome.weeks, outcome.users, args.plot)


if __name__ == "__main__":
    main()
