"""The ledger: claims never overlap, the fence holds, debounce, backoff, dead and revived units."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from app.clock import new_id
from app.domain.scope import UserScope
from app.errors import LeaseLostError
from app.storage import work

LEASE = 30.0


@pytest.fixture
def kind():
    """A kind of its own, because claims reach over all projects."""
    return f"k{uuid4().hex[:12]}"


@pytest.fixture
def user(project):
    return UserScope(project.project_id, "ann")


def enqueue(database, scope, kind, **options):
    with database.transaction(scope) as conn:
        work.enqueue(conn, scope, kind, **options)


def claim(database, kind, limit=1, lease=LEASE):
    with database.transaction(None) as conn:
        return work.claim(conn, [kind], limit, lease)


def complete(database, item):
    with database.transaction(item.scope) as conn:
        return work.complete(conn, item)


def row(database, item):
    with database.transaction(item.scope) as conn:
        return conn.execute(
            "SELECT *, extract(epoch FROM run_after - clock_timestamp())::float AS wait FROM work WHERE id = %s",
            (item.id,),
        ).fetchone()


def due_in(database, kind):
    with database.transaction(None) as conn:
        return work.due_in(conn, [kind]).get(kind)


def test_a_unit_is_claimed_once_and_gone_when_done(database, user, kind):
    enqueue(database, user, kind, session_id="s1")
    (item,) = claim(database, kind)
    assert (item.scope, item.session_id, item.attempts, item.token) == (user, "s1", 1, 1)
    assert claim(database, kind) == []
    assert complete(database, item) is True
    assert claim(database, kind) == []
    assert row(database, item) is None


def test_many_threads_never_hold_the_same_unit(database, project, kind):
    users = [UserScope(project.project_id, f"u{n}") for n in range(60)]
    with database.transaction(project) as conn:
        for user in users:
            work.enqueue(conn, user, kind)
    held, lock, doubled = set(), threading.Lock(), []

    def labour(_):
        done = 0
        while items := claim(database, kind):
            for item in items:
                with lock:
                    doubled.extend([item.id] if item.id in held else [])
                    held.add(item.id)
                time.sleep(0.001)
                with lock:
                    held.discard(item.id)
                complete(database, item)
                done += 1
        return done

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(labour, range(6))) == 60
    assert doubled == []


def test_enqueued_again_while_it_runs_it_runs_again(database, user, kind):
    enqueue(database, user, kind)
    (item,) = claim(database, kind)
    enqueue(database, user, kind)
    assert claim(database, kind) == []  # one at a time
    assert complete(database, item) is False
    (again,) = claim(database, kind)
    assert (again.id, again.token, again.attempts) == (item.id, 2, 1)
    assert complete(database, again) is True


def test_an_enqueue_that_is_not_committed_yet_is_not_lost(database, user, kind):
    """The unit completes while another transaction has enqueued but not committed: it must run again."""
    enqueue(database, user, kind)
    (item,) = claim(database, kind)
    finished = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        with database.transaction(user) as conn:
            work.enqueue(conn, user, kind)
            future = pool.submit(lambda: (complete(database, item), finished.set())[0])
            assert not finished.wait(0.3)  # it waits for the row
        assert future.result(5) is False
    assert len(claim(database, kind)) == 1


def test_an_enqueue_during_the_completing_transaction_makes_a_new_row(database, user, kind):
    enqueue(database, user, kind)
    (item,) = claim(database, kind)
    with ThreadPoolExecutor(1) as pool:
        with database.transaction(user) as conn:
            assert work.complete(conn, item) is True
            future = pool.submit(enqueue, database, user, kind)
            time.sleep(0.2)
            assert not future.done()
        future.result(5)
    assert len(claim(database, kind)) == 1


def write_and_complete(database, item):
    with database.transaction(item.scope) as conn:
        conn.execute(
            "INSERT INTO sessions (project_id, user_id, session_id, first_at, last_at)"
            " VALUES (%s, %s, 'zombie', now(), now())",
            (item.project_id, item.user_id),
        )
        work.complete(conn, item)


def test_the_fence_refuses_a_zombie(database, user, kind):
    enqueue(database, user, kind)
    (zombie,) = claim(database, kind, lease=0.05)
    time.sleep(0.1)
    (owner,) = claim(database, kind)
    assert owner.token == zombie.token + 1
    with pytest.raises(LeaseLostError):
        write_and_complete(database, zombie)
    with database.transaction(user) as conn:
        assert conn.execute("SELECT 1 FROM sessions").fetchall() == []  # its write went with its transaction
    for call in (
        lambda conn: work.heartbeat(conn, zombie, LEASE),
        lambda conn: work.fail(conn, zombie, "late", operational=False, job_id=new_id()),
    ):
        with pytest.raises(LeaseLostError), database.transaction(user) as conn:
            call(conn)
    assert complete(database, owner) is True


def test_a_heartbeat_keeps_the_lease(database, user, kind):
    enqueue(database, user, kind)
    (item,) = claim(database, kind, lease=0.2)
    with database.transaction(user) as conn:
        work.heartbeat(conn, item, LEASE)
    time.sleep(0.3)
    assert claim(database, kind) == []


def test_a_burst_gives_one_run_after_it_is_quiet(database, user, kind):
    for _ in range(5):
        enqueue(database, user, kind, quiet=0.3, at_most=5.0)
        time.sleep(0.02)
    assert claim(database, kind) == []
    assert 0.1 < due_in(database, kind) <= 0.3
    time.sleep(0.35)
    (item,) = claim(database, kind)
    assert complete(database, item) is True


def test_a_burst_without_end_still_runs(database, user, kind):
    enqueue(database, user, kind, quiet=0.2, at_most=0.5)
    until = time.monotonic() + 2
    while not (items := claim(database, kind)):
        assert time.monotonic() < until
        enqueue(database, user, kind, quiet=0.2, at_most=0.5)
        time.sleep(0.05)
    assert len(items) == 1


def test_somebody_who_waits_is_not_put_off_by_a_later_burst(database, user, kind):
    enqueue(database, user, kind, quiet=5.0, at_most=10.0)
    assert due_in(database, kind) > 4
    enqueue(database, user, kind)  # a client waits
    assert due_in(database, kind) <= 0
    enqueue(database, user, kind, quiet=5.0, at_most=10.0)
    assert due_in(database, kind) <= 0


def test_the_longest_due_comes_first(database, project, kind):
    for name in ("first", "second", "third"):
        enqueue(database, UserScope(project.project_id, name), kind)
    assert [claim(database, kind)[0].user_id for _ in range(3)] == ["first", "second", "third"]


def test_failures_back_off_and_an_enqueue_does_not_hurry_them(database, user, kind):
    enqueue(database, user, kind)
    (item,) = claim(database, kind)
    with database.transaction(user) as conn:
        assert work.fail(conn, item, "boom", operational=False, job_id=new_id()) is False
    first = row(database, item)
    assert first["state"] == "ready"
    assert 0.5 < first["wait"] <= 2.0
    enqueue(database, user, kind)
    assert row(database, item)["run_after"] == first["run_after"]


def failed_times(database, user, kind, times, *, operational):
    for _ in range(times):
        with database.transaction(user) as conn:
            conn.execute("UPDATE work SET run_after = now() WHERE kind = %s AND state = 'ready'", (kind,))
        (item,) = claim(database, kind)
        with database.transaction(user) as conn:
            dead = work.fail(conn, item, "boom", operational=operational, job_id=new_id())
    return item, dead


def test_a_poisoned_unit_dies_visibly_and_can_be_revived(database, user, kind):
    enqueue(database, user, kind, session_id="s1")
    item, dead = failed_times(database, user, kind, work.MAX_ATTEMPTS, operational=False)
    assert dead is True
    assert row(database, item)["state"] == "dead"
    assert claim(database, kind) == []
    with database.transaction(user.project) as conn:
        (job,) = conn.execute("SELECT kind, scope, state, error FROM jobs").fetchall()
    assert job == {"kind": kind, "scope": {"user_id": "ann", "session_id": "s1"}, "state": "failed", "error": "boom"}
    enqueue(database, user, kind, session_id="s1")
    (again,) = claim(database, kind)
    assert again.attempts == 1
    assert complete(database, again) is True


def test_an_outage_never_kills_a_unit(database, user, kind):
    enqueue(database, user, kind)
    item, dead = failed_times(database, user, kind, 2 * work.MAX_ATTEMPTS, operational=True)
    assert dead is False
    assert row(database, item)["state"] == "ready"
    assert row(database, item)["wait"] <= 60


def test_counts_show_kinds_and_states(database, user, kind):
    enqueue(database, user, kind)
    with database.transaction(None) as conn:
        mine = [line for line in work.counts(conn) if line["kind"] == kind]
    assert [(line["state"], line["n"]) for line in mine] == [("ready", 1)]


def age(database, kind) -> float:
    with database.transaction(None) as conn:
        (line,) = [line for line in work.counts(conn) if line["kind"] == kind]
    return line["oldest_seconds"]


def test_work_that_waits_on_purpose_is_not_late_and_work_that_fails_is(database, user, kind):
    enqueue(database, user, kind, quiet=300.0)
    with database.transaction(user) as conn:
        conn.execute("UPDATE work SET created_at = now() - interval '200 seconds' WHERE kind = %s", (kind,))
    assert age(database, kind) == 0.0
    with database.transaction(user) as conn:
        conn.execute("UPDATE work SET run_after = now() - interval '90 seconds' WHERE kind = %s", (kind,))
    assert age(database, kind) == pytest.approx(90, abs=5)
    failed_times(database, user, kind, 1, operational=False)
    assert age(database, kind) == pytest.approx(200, abs=5)


def test_that_a_client_waits_is_noted_until_the_work_is_done(database, user, kind):
    enqueue(database, user, kind)
    enqueue(database, user, kind, urgent=True)
    enqueue(database, user, kind)
    (item,) = claim(database, kind)
    with database.transaction(user) as conn:
        assert work.is_urgent(conn, item)
    complete(database, item)
    enqueue(database, user, kind)
    (item,) = claim(database, kind)
    with database.transaction(user) as conn:
        assert not work.is_urgent(conn, item)
