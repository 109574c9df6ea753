"""A pipeline of one's own: a private database, the real encoder, an in-process index, and the stages called in turn."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from app.clock import new_id, utc_now
from app.context import ProcessContext
from app.domain.event import Event, NewEvent, Role
from app.domain.policy import DEFAULT, PRESETS, Preset
from app.domain.query import RecallQuery
from app.domain.scope import ProjectScope, UserScope
from app.domain.work import WorkKind
from app.index.edge import EdgeIndex
from app.ledger.index_runner import INDEX_STAGES
from app.ledger.runner import Runner
from app.queue import NoHints
from app.services import policy as policies
from app.services import recall, recall_search
from app.services.collections import LiveCollection, ensure_live
from app.services.recall_answer import RecallResult, compose
from app.settings import Settings
from app.storage import events, work
from app.storage.db import Database
from app.storage.events import EventInsert, EventQuery
from app.telemetry.logs import configure_logs
from app.telemetry.metrics import Metrics
from tests.support.empty_index import copy
from tests.support.private import PrivateDatabase, private_database
from workers.stages import stages_for

START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Pipeline:
    """A project with everything that processes it."""

    context: ProcessContext
    project: ProjectScope
    runner: Runner

    @property
    def db(self) -> Database:
        return self.context.db

    def user(self, name: str = "ann") -> UserScope:
        return UserScope(self.project.project_id, name)

    def say(self, *texts: str, user: str = "ann", session: str = "s1", at: datetime = START, **fields) -> list[UUID]:
        """Store turns a minute apart, and their work, as the gateway does; due at once."""
        rows = []
        for place, text in enumerate(texts):
            said = NewEvent(user, session, Role.USER, text, at + timedelta(minutes=place), **fields)
            rows.append(EventInsert(new_id(), said, repr(said).encode()))
        with self.db.transaction(self.project) as conn:
            results = events.insert_events(conn, self.project, rows)
            work.enqueue(conn, self.user(user), WorkKind.EXTRACT, session_id=session)
        return [result.id for result in results]

    def run(self, *kinds: str) -> int:
        """Run what is due of these kinds (of all, without any)."""
        done = 0
        while self.runner.run_one(kinds or self.runner.kinds):
            done += 1
        return done

    def events(self, user: str = "ann") -> Sequence[Event]:
        with self.db.transaction(self.user(user)) as conn:
            return events.page(conn, self.user(user), EventQuery(limit=1000))

    def rows(self, statement: str, user: str = "ann", values: Sequence[object] = ()) -> list[dict]:
        with self.db.transaction(self.user(user)) as conn:
            return conn.execute(statement, values).fetchall()

    def points(self, user: str = "ann") -> dict[UUID, int]:
        assert self.context.index is not None
        live = self.context.collections.name()
        return {key.id: key.version for key in self.context.index.scroll(live, self.user(user))}

    def settle(self) -> None:
        """Run everything, also what waits for a moment's rest."""
        self.run()
        with self.db.transaction(self.project) as conn:
            conn.execute("UPDATE work SET run_after = now()")
        self.run()

    def under(self, preset: Preset, *off: str) -> None:
        """Put a preset, with the settings named in `off` ("section.name") as the default has them."""
        body, default = PRESETS[preset].model_dump(mode="json"), DEFAULT.model_dump(mode="json")
        for setting in off:
            section, name = setting.split(".")
            assert body[section][name] != default[section][name], f"{preset} does not change {setting}"
            body[section][name] = default[section][name]
        with self.db.transaction(self.project) as conn:
            policies.put(conn, self.project, None, body)

    def later(self, by: timedelta) -> "Pipeline":
        """The same, at a later time."""
        context = replace(self.context, clock=lambda: utc_now() + by)
        return Pipeline(context, self.project, Runner(context, {**stages_for(context), **INDEX_STAGES}))

    def ask(self, text: str, *, user: str = "ann", **fields) -> RecallResult:
        """A recall in its steps, as the gateway takes them."""
        context, query = self.context, RecallQuery(self.user(user), text, **({"now": START} | fields))
        assert context.index is not None
        with self.db.transaction(query.scope) as conn:
            prepared = recall.prepare(conn, query, context.memo, model=context.encoder.fingerprint)
        question = recall_search.ask(context.encoder, prepared.plan)
        policy = prepared.policy.recall
        hits = recall_search.search(context.index, context.collections.name(), query, question, policy)
        with self.db.transaction(query.scope) as conn:
            gathered = recall.gather(lambda: conn, query, prepared, question, hits, model=context.encoder.fingerprint)
        return compose(query, gathered, degraded=False, seconds={})

    def with_index(self, index) -> "Pipeline":
        """The same with another index, to break it."""
        context = replace(self.context, index=index)
        return Pipeline(context, self.project, Runner(context, stages_for(context)))


@pytest.fixture(scope="module")
def private(postgres) -> Iterator[PrivateDatabase]:
    with private_database(postgres) as private:
        yield private


@contextmanager
def opened_pipeline(private: PrivateDatabase, encoder, index_files: Path, home: Path) -> Iterator[Pipeline]:
    """A fresh project and index; whatever was in the database is gone."""
    owner = Database(private.owner_dsn, size=1)
    owner.open()
    with owner.transaction(None) as conn:
        for table in ("projects", "index_collections", "schedules", "user_versions"):  # few rows: TRUNCATE takes longer
            conn.execute(f"DELETE FROM {table}")
    owner.close()
    settings = Settings.model_validate({"mneme_home": home, "database_url": private.app_dsn})
    database = Database(private.app_dsn, size=8)
    database.open()
    copy(index_files, home / "index")
    index = EdgeIndex(home / "index")
    ensure_live(database, index, encoder)
    context = ProcessContext(
        settings=settings,
        db=database,
        encoder=encoder,
        index=index,
        collections=LiveCollection(database),
        clock=utc_now,
        new_id=new_id,
        hints=NoHints(),
        logger=configure_logs("warning", "test"),
        metrics=Metrics(),
    )
    project = ProjectScope(uuid4())
    with database.transaction(project) as conn:
        conn.execute("INSERT INTO projects (id, name) VALUES (%s, 'test')", (project.project_id,))
    yield Pipeline(context, project, Runner(context, {**stages_for(context), **INDEX_STAGES}))
    index.close()
    database.close()


@pytest.fixture
def pipeline(private: PrivateDatabase, encoder, index_files: Path, tmp_path: Path) -> Iterator[Pipeline]:
    """A fresh project and index on the module's database; work of earlier tests is gone."""
    with opened_pipeline(private, encoder, index_files, tmp_path) as pipeline:
        yield pipeline
