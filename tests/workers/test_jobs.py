"""Jobs in slices: progress, where the next slice goes on, items, a handler that fails, and who may not be limited."""

from uuid import UUID, uuid4

import pytest

from app.domain.job import JobItem, Slice
from app.ledger import jobs as job_stage
from app.ledger.runner import Runner, Stage
from app.services import jobs
from app.storage import job_items
from app.telemetry.operations import JOBS, Operation

TOTAL = 3


@pytest.fixture
def runner(pipeline, monkeypatch):
    """Runs jobs of kind `count`: one step a slice."""
    monkeypatch.setitem(JOBS, "count", Operation.FORGETTING)

    def count(context, scope, job, _lease):
        at = job.resume.get("at", 0) + 1
        item = JobItem("ann", "memory", str(at), "would_count" if job.dry_run else "counted", "because")
        with context.db.transaction(scope) as conn:
            job_items.add(conn, scope, job.id, [item])
        return Slice(at, TOTAL, {"counted": at}, {"at": at}, finished=at == TOTAL)

    def broken(context, scope, job, lease):
        raise ValueError("no such thing")

    return Runner(pipeline.context, {"job": Stage(job_stage.runner({"count": count, "broken": broken}))})


def asked(pipeline, kind: str, **about) -> UUID:
    with pipeline.db.transaction(pipeline.project) as conn:
        return jobs.create(conn, pipeline.project, uuid4(), kind, about, dry_run=False, actor="test").id


def found(pipeline, job_id: UUID):
    with pipeline.db.transaction(pipeline.project) as conn:
        job = jobs.get(conn, pipeline.project, job_id)
        return job, jobs.items(conn, pipeline.project, job_id, action=None, after=0, limit=10)


def test_a_job_goes_on_where_its_last_slice_ended(pipeline, runner):
    job_id = asked(pipeline, "count", user_id="ann")
    assert runner.run_one(["job"])
    job, items = found(pipeline, job_id)
    assert (job.state, job.done, job.total, len(items)) == ("running", 1, TOTAL, 1)
    while runner.run_one(["job"]):
        pass
    job, items = found(pipeline, job_id)
    assert (job.state, job.done, job.counts) == ("done", TOTAL, {"counted": TOTAL})
    assert [item.target_id for _, item in items] == ["1", "2", "3"]
    assert job.finished_at is not None
    sample = pipeline.context.metrics.registry.get_sample_value
    assert sample("mneme_operations_total", {"operation": "forgetting"}) == TOTAL
    assert sample("mneme_operation_seconds_count", {"operation": "forgetting"}) == TOTAL


def test_a_job_that_fails_for_good_says_so_and_can_be_retried(pipeline, runner):
    job_id = asked(pipeline, "broken")
    for _ in range(20):
        with pipeline.db.transaction(pipeline.project) as conn:
            conn.execute("UPDATE work SET run_after = now()")
        if not runner.run_one(["job"]):
            break
    job, _ = found(pipeline, job_id)
    assert (job.state, job.error) == ("failed", "ValueError: no such thing")
    with pipeline.db.transaction(pipeline.project) as conn:
        assert jobs.retry(conn, pipeline.project, job_id).state == "queued"
    assert runner.run_one(["job"])


def test_an_unknown_kind_is_an_error_not_silence(pipeline, runner):
    job_id = asked(pipeline, "nonsense")
    assert runner.run_one(["job"])
    with pipeline.db.transaction(pipeline.project) as conn:
        (row,) = conn.execute("SELECT state, error FROM work WHERE key = %s", (str(job_id),)).fetchall()
    assert (row["state"], row["error"]) == ("ready", "UnknownJobError: no handler for jobs of kind nonsense")
