"""The task base: leases as long as their stage, zombies, deadlines, deadly units, a database that goes away."""

import threading
import time

import psycopg
import pytest

from app.domain.event import EventState
from app.domain.work import WorkKind
from app.ledger.runner import Runner, Stage
from app.storage import work

KIND = WorkKind.EXTRACT.value


def runner(pipeline, stage, *, lease_seconds=30.0, deadline=30.0):
    made = Runner(pipeline.context, {KIND: Stage(stage, deadline=deadline)}, lease_seconds=lease_seconds)
    made.start()
    return made


def complete(context, item, _lease):
    with context.db.transaction(item.user) as conn:
        work.complete(conn, item)


def unit(pipeline):
    return pipeline.rows("SELECT state, attempts, token, error FROM work WHERE kind = 'extract'")


def counted(pipeline, outcome):
    line = f'mneme_stage_seconds_count{{kind="extract",outcome="{outcome}"}} '
    text = pipeline.context.metrics.render().decode()
    return next((float(x.removeprefix(line)) for x in text.splitlines() if x.startswith(line)), 0.0)


def test_a_lease_lives_as_long_as_its_stage(pipeline):
    def slow(context, item, lease):
        time.sleep(1.2)
        lease.check()
        complete(context, item, lease)

    pipeline.say("hello there")
    one, two = runner(pipeline, slow, lease_seconds=0.6), runner(pipeline, complete)
    thread = threading.Thread(target=one.run_one, args=([KIND],))
    thread.start()
    time.sleep(0.1)
    while thread.is_alive():
        assert two.run_one([KIND]) is False
        time.sleep(0.05)
    thread.join()
    assert unit(pipeline) == []
    assert counted(pipeline, "done") == 1
    one.stop()
    two.stop()


def test_a_zombie_writes_nothing_and_harms_nobody(pipeline):
    """The first runner's lease is taken over while its stage sleeps, as after SIGSTOP."""

    def asleep(context, item, _lease):
        with context.db.transaction(item.user) as conn:
            conn.execute("UPDATE work SET lease_until = now() - interval '1 s'")
        assert two.run_one([KIND])
        with context.db.transaction(item.user) as conn:
            conn.execute("UPDATE events SET skip_reason = 'zombie'")
            work.complete(conn, item)

    pipeline.say("hello there")
    one, two = runner(pipeline, asleep), runner(pipeline, complete)
    assert one.run_one([KIND])
    assert unit(pipeline) == []
    assert pipeline.events()[0].skip_reason is None
    assert (counted(pipeline, "lost"), counted(pipeline, "done")) == (1, 1)
    one.stop()
    two.stop()


def test_a_stage_that_asks_stops_at_its_deadline(pipeline):
    def endless(_context, _item, lease):
        while True:
            lease.check()
            time.sleep(0.01)

    pipeline.say("hello there")
    one = runner(pipeline, endless, deadline=0.2)
    assert one.run_one([KIND])
    (row,) = unit(pipeline)
    assert (row["state"], row["attempts"]) == ("ready", 1)
    assert "StageDeadlineError" in row["error"]
    one.stop()


def test_a_unit_that_kills_its_workers_is_put_aside(pipeline):
    pipeline.say("hello there")
    with pipeline.db.transaction(pipeline.user()) as conn:
        conn.execute("UPDATE work SET attempts = %s", (work.MAX_CLAIMS,))
    one = runner(pipeline, complete)
    assert one.run_one([KIND])
    assert unit(pipeline)[0]["state"] == "dead"
    assert pipeline.events()[0].state is EventState.FAILED
    one.stop()


@pytest.mark.parametrize("error", [psycopg.OperationalError("gone"), psycopg.errors.DeadlockDetected("x")])
def test_a_fault_of_the_database_is_not_the_units(pipeline, error):
    def unlucky(_context, _item, _lease):
        raise error

    pipeline.say("hello there")
    one = runner(pipeline, unlucky)
    for _ in range(work.MAX_ATTEMPTS + 2):
        with pipeline.db.transaction(pipeline.user()) as conn:
            conn.execute("UPDATE work SET run_after = now()")
        assert one.run_one([KIND])
    assert unit(pipeline)[0]["state"] == "ready"
    assert counted(pipeline, "waiting") == work.MAX_ATTEMPTS + 2
    one.stop()


def test_a_connection_that_breaks_in_the_middle_is_survived(pipeline):
    def cut(context, item, _lease):
        with context.db.transaction(item.user) as conn:
            conn.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    pipeline.say("hello there")
    one = runner(pipeline, cut)
    assert one.run_one([KIND])
    assert unit(pipeline)[0]["state"] == "ready"
    assert counted(pipeline, "waiting") == 1
    one.stop()


def test_an_error_of_a_stage_shows_no_value_of_a_row(pipeline, capsys):
    def leaking(context, item, _lease):
        with context.db.transaction(item.user) as conn:
            conn.execute(
                "INSERT INTO sessions (project_id, user_id, session_id, first_at, last_at)"
                " VALUES (%s, 'ann', 's1', now(), now())",
                (item.project_id,),
            )

    pipeline.say("hello there", session="s1")
    one = runner(pipeline, leaking)
    assert one.run_one([KIND])
    assert "duplicate key" in unit(pipeline)[0]["error"]
    assert "ann" not in unit(pipeline)[0]["error"]
    assert "DETAIL" not in capsys.readouterr().err
    one.stop()
