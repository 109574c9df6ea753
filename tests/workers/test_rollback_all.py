"""Rollback of a whole project: each user is the view of that time, and of the time before the rollback again."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from app.domain.memory import MemoryStatus
from app.services import jobs
from app.storage import work
from tests.workers.test_rollback import Told, as_known
from workers.lifecycle import rollback_all

USERS = ("ann", "ben", "cid")


@pytest.fixture
def everybody(pipeline) -> list[Told]:
    return [Told(pipeline, user) for user in USERS]


def run(pipeline, to, *, dry_run: bool = False):
    """Run the job to its end; answers it with its items."""
    about = {"known_at": to if isinstance(to, str) else to.isoformat()}
    with pipeline.db.transaction(pipeline.project) as conn:
        job = jobs.create(conn, pipeline.project, uuid4(), "rollback", about, dry_run=dry_run, actor="key:test")
    pipeline.run()
    return seen(pipeline, job.id)


def seen(pipeline, job_id: UUID):
    with pipeline.db.transaction(pipeline.project) as conn:
        done = jobs.get(conn, pipeline.project, job_id)
        items = jobs.items(conn, pipeline.project, job_id, action=None, after=0, limit=1000)
    assert done.state == "done", done.error
    return done, [replace(item, detail={}) for _, item in items]


def believed(everybody) -> list:
    return [as_known(one.list(status=MemoryStatus.ACTIVE)) for one in everybody]


def test_everybody_goes_back_and_forth_again(pipeline, everybody, monkeypatch):
    monkeypatch.setattr(rollback_all, "PAGE", 2)
    monkeypatch.setattr(rollback_all, "SLICE_SECONDS", 0.0)  # a slice for each user
    for number, one in enumerate(everybody):
        one.do("say", number)
    at = everybody[-1].known[-1][0]
    then = believed(everybody)
    for one in everybody[:2]:
        one.do("say", 7)
    now = believed(everybody)
    assert now != then
    _, planned = run(pipeline, at, dry_run=True)
    assert believed(everybody) == now
    job, items = run(pipeline, at)
    assert believed(everybody) == then
    assert [replace(item, detail={}) for item in planned] == items
    assert {item.user_id for item in items} == {"ann", "ben"}
    assert (job.done, job.total, job.counts["users"], job.counts["hide"]) == (3, 3, 3, len(items))
    run(pipeline, job.counts["undo_known_at"])
    assert believed(everybody) == now


def test_a_kill_between_two_users_does_no_user_twice(pipeline, everybody):
    for one in everybody[:2]:
        one.do("say", 3)
    at = everybody[1].known[-1][0] + timedelta(microseconds=1)
    for one in everybody[:2]:
        one.do("say", 7)
    job, items = run(pipeline, at)
    everybody[0].do("say", 0)
    before = believed(everybody)
    with pipeline.db.transaction(pipeline.project) as conn:
        conn.execute(
            "UPDATE jobs SET state = 'running', counts = '{}', resume = '{}', done = 0 WHERE id = %s", (job.id,)
        )
        work.enqueue(conn, pipeline.project, "job", key=str(job.id))
    pipeline.run()
    again, same = seen(pipeline, job.id)
    assert believed(everybody) == before
    assert (again.counts, same) == (job.counts, items)
