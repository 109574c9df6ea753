"""`mneme worker` as a process: hints make it start at once, and without Redis nothing is lost or late by much."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from app.clock import new_id, utc_now
from app.domain.event import NewEvent, Role
from app.domain.scope import ProjectScope, UserScope
from app.domain.work import WorkKind
from app.embedded import stopping
from app.queue import create_hints
from app.storage import events, schedules, work
from app.storage.db import Database
from app.storage.events import EventInsert
from tests.support.private import private_database
from tests.support.stack import running_valkey

NO_REDIS = "redis://127.0.0.1:1/0"  # nobody listens on port 1


@dataclass
class Site:
    """A private database with one project, and workers on it."""

    db: Database
    project: ProjectScope
    environment: dict[str, str]

    def say(self, text: str, user: str = "ann") -> None:
        said = NewEvent(user, "s1", Role.USER, text, utc_now())
        with self.db.transaction(self.project) as conn:
            events.insert_events(conn, self.project, [EventInsert(new_id(), said, text.encode())])
            work.enqueue(conn, UserScope(self.project.project_id, user), WorkKind.EXTRACT, session_id="s1")

    def open_events(self) -> int:
        with self.db.transaction(self.project) as conn:
            row = conn.execute("SELECT count(*) AS n FROM events WHERE consolidated_at IS NULL").fetchone()
        return row["n"]

    def wait_consolidated(self, seconds: float) -> float:
        """Wait until nothing is open; returns how long it took."""
        started = time.monotonic()
        while self.open_events():
            assert time.monotonic() - started < seconds, "not worked off"
            time.sleep(0.02)
        return time.monotonic() - started

    @contextmanager
    def worker(self, redis_url: str | None, *options: str):
        """A worker process for the time of the block; ready when it has said so."""
        environment = self.environment | ({"REDIS_URL": redis_url} if redis_url else {})
        process = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "worker", *options], env=environment, stderr=subprocess.PIPE, text=True
        )
        try:
            assert process.stderr is not None
            for line in process.stderr:
                if "worker_started" in line:
                    break
            os.set_blocking(process.stderr.fileno(), False)
            yield process
        finally:
            process.kill()
            process.wait()
            process.stderr.close()


@pytest.fixture
def site(postgres, model_dir, tmp_path):
    with private_database(postgres) as private:
        database = Database(private.app_dsn, size=4)
        database.open()
        project = ProjectScope(new_id())
        with database.transaction(project) as conn:
            conn.execute("INSERT INTO projects (id, name) VALUES (%s, 'test')", (project.project_id,))
        environment = {k: v for k, v in os.environ.items() if not k.startswith("MNEME_")}
        environment |= {
            "DATABASE_URL": private.app_dsn,
            "MNEME_HOME": str(tmp_path),
            "MNEME_MODEL_DIR": str(model_dir),
        }
        environment.pop("REDIS_URL", None)
        yield Site(database, project, environment)
        database.close()


@contextmanager
def hints_over(url):
    outcomes = []
    hints = create_hints(url, outcomes.append)
    try:
        yield hints, outcomes
    finally:
        hints.close()


def test_a_hint_starts_the_work_at_once(site, valkey):
    with site.worker(valkey), hints_over(valkey) as (hints, _):
        took = []
        for n in range(5):
            time.sleep(0.3)  # let the sweeper fall asleep
            site.say(f"I have visited {n} countries.")
            hints.send(WorkKind.EXTRACT)
            took.append(site.wait_consolidated(10))
        assert sorted(took)[2] < 1.0  # the sweeper alone would need a second on average, and two runs


def test_without_redis_the_sweeper_does_everything(site):
    with site.worker(None):
        site.say("I live in Ghent.")
        site.wait_consolidated(8)


def test_an_unreachable_redis_delays_nothing(site):
    with site.worker(NO_REDIS, "--beat"), hints_over(NO_REDIS) as (hints, outcomes):
        site.say("I live in Ghent.")
        started = time.monotonic()
        hints.send(WorkKind.EXTRACT)
        assert time.monotonic() - started < 0.05  # the caller waits for nothing
        site.wait_consolidated(8)
    assert outcomes == ["failed"]


def test_redis_may_die_and_come_back(site):
    with running_valkey() as server, site.worker(server.url), hints_over(server.url) as (hints, outcomes):
        site.say("I live in Ghent.")
        hints.send(WorkKind.EXTRACT)
        site.wait_consolidated(10)
        with_redis_down(server, lambda: (site.say("I have two cats."), site.wait_consolidated(10)))
        site.say("I play the cello.")
        hints.send(WorkKind.EXTRACT)
        site.wait_consolidated(10)
        stopping.stop(server.process, *stopping.VALKEY)
    assert outcomes[0] == "sent"


def with_redis_down(server, action):
    """Kill the server, act, start it again on the same address."""
    assert server.process is not None
    server.process.kill()
    server.process.wait()
    try:
        action()
    finally:
        server.start()
        server.wait(10)


@pytest.mark.parametrize("redis", [True, False])
def test_sigterm_ends_it_within_eight_seconds(site, valkey, redis):
    with site.worker(valkey if redis else NO_REDIS, "--beat") as process:
        for n in range(30):
            site.say(f"I have visited {n} countries.", user=f"u{n}")
        time.sleep(0.5)
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert time.monotonic() - started < 8


def test_work_of_a_killed_worker_is_taken_over(site):
    for n in range(20):
        site.say(f"I have visited {n} countries.", user=f"u{n}")
    with site.worker(None) as process:
        until = time.monotonic() + 20
        while site.open_events() == 20 and time.monotonic() < until:
            time.sleep(0.01)
        process.kill()
    with site.db.transaction(site.project) as conn:
        leased = conn.execute("SELECT count(*) AS n FROM work WHERE state = 'leased'").fetchone()["n"]
    with site.worker(None):
        site.wait_consolidated(40 if leased else 20)  # a lease of the embedded stack lasts 15 s
    with site.db.transaction(site.project) as conn:
        doubled = conn.execute(
            "SELECT user_id FROM memories WHERE status = 'active' GROUP BY user_id, text HAVING count(*) > 1"
        ).fetchall()
    assert doubled == []


def test_beat_brings_a_schedule_to_the_worker(site, valkey):
    with site.db.transaction(None) as conn:
        schedules.ensure(conn, {"expire_idempotency_keys": 3600})
        conn.execute("UPDATE schedules SET next_run_at = now() + interval '2 s'")
    with site.worker(valkey, "--beat"):
        until = time.monotonic() + 15
        while True:
            with site.db.transaction(None) as conn:
                row = conn.execute(
                    "SELECT last_run_at FROM schedules WHERE name = 'expire_idempotency_keys'"
                ).fetchone()
            if row["last_run_at"] is not None:
                break
            assert time.monotonic() < until, "beat brought nothing"
            time.sleep(0.1)
