"""Jobs that are open while their user is erased: nothing of them names that user in the end."""

from uuid import uuid4

import pytest

from app.domain.work import WorkKind
from app.services import jobs
from app.storage import work
from tests.workers.erased import CANARY, erase_user, settle, verify


@pytest.mark.parametrize("ending", ["done", "dead"])
def test_a_job_that_was_open_names_its_erased_user_no_more(pipeline, ending):
    pipeline.say("I live in Porto.")
    settle(pipeline)
    with pipeline.db.transaction(pipeline.project) as conn:
        jobs.create(conn, pipeline.project, uuid4(), "decay", {"user_id": "ann"}, dry_run=True, actor="key:test")
    receipt = erase_user(pipeline)
    if ending == "dead":
        with pipeline.db.transaction(pipeline.project) as conn:
            (item,) = [i for i in work.claim(conn, [WorkKind.JOB], 10, 60) if i.key != str(receipt.id)]
            work.kill(conn, item, f"{CANARY} of ann", job_id=uuid4())
            conn.execute("UPDATE work SET state = 'ready', lease_until = NULL WHERE state = 'leased'")
    settle(pipeline)
    with pipeline.db.transaction(pipeline.project) as conn:
        left = conn.execute("SELECT scope, error, state FROM jobs WHERE kind = 'decay'").fetchall()
        assert conn.execute("SELECT 1 FROM job_items").fetchall() == []
    assert left == [{"scope": {}, "error": "erased" if ending == "dead" else None, "state": "done"}]
    assert verify(pipeline, receipt) == {}
