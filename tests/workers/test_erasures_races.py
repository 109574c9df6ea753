"""Erasures beside late workers, the index, ages of the policy, and memories of the same words."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from app.domain.normalise import text_hash
from app.domain.policy import DEFAULT
from app.domain.work import WorkKind
from app.errors import LeaseLostError
from app.ledger import erasing, upkeep
from app.ledger.lease import Lease
from app.services import erasures, policy
from app.storage import tombstones, work
from app.storage.memory_edits import RECORD
from app.storage.tombstones import ErasedMeanwhileError
from tests.workers.erased import (
    CANARY,
    erase_event,
    erase_user,
    holds,
    later,
    no_rest,
    settle,
    texts,
)
from workers.lifecycle import sleep as sleep_stage
from workers.lifecycle.sleep_do import Doing, perform


@pytest.mark.parametrize("kind", [WorkKind.EXTRACT, WorkKind.CONSOLIDATE, WorkKind.TIDY])
def test_a_worker_that_read_before_the_erasure_writes_nothing_after_it(pipeline, kind, monkeypatch):
    """The erasure commits between the stage's reading and its writing."""
    (event,) = pipeline.say(f"I live in {CANARY}.")
    if kind is not WorkKind.EXTRACT:
        pipeline.run(WorkKind.EXTRACT)
    if kind is WorkKind.TIDY:
        pipeline.run(WorkKind.CONSOLIDATE)
        with pipeline.db.transaction(pipeline.project) as conn:
            conn.execute("UPDATE work SET run_after = now()")
    with pipeline.db.transaction(None) as conn:
        (item,) = work.claim(conn, [kind], 1, 60)
    stage = pipeline.runner._stages[item.kind]
    erase_event(pipeline, event)
    with pytest.raises((LeaseLostError, ErasedMeanwhileError)):
        stage.run(pipeline.context, item, Lease(item, 1e12, 60))
    settle(pipeline)
    assert pipeline.rows("SELECT 1 FROM memories WHERE text <> ''") == []
    assert pipeline.rows("SELECT 1 FROM scenes") == []


def test_a_writer_without_a_unit_of_the_user_asks_for_the_tombstone(pipeline):
    (event,) = pipeline.say("I live in Porto.")
    settle(pipeline)
    with pipeline.db.transaction(pipeline.user()) as conn:
        since = tombstones.now(conn)
        tombstones.check(conn, pipeline.user(), since)
    erase_event(pipeline, event)
    with pipeline.db.transaction(pipeline.user()) as conn, pytest.raises(ErasedMeanwhileError):
        tombstones.check(conn, pipeline.user(), since)
    with pipeline.db.transaction(pipeline.user()) as conn:
        tombstones.check(conn, pipeline.user(), tombstones.now(conn))


def test_the_index_is_written_anew_without_what_was_erased(pipeline):
    (event, _) = pipeline.say(f"I live in {CANARY}.", "I play the cello.")
    settle(pipeline)
    no_rest(pipeline)
    old = pipeline.context.collections.name()
    files = pipeline.context.settings.mneme_home / "index"
    assert holds(files, event.bytes) or holds(files, str(event).encode())
    receipt = erase_event(pipeline, event)
    for _ in range(3):
        pipeline.settle()
    pipeline.context.collections.forget()
    assert pipeline.context.collections.name() != old
    assert not (files / old).exists()
    assert not holds(files, event.bytes)
    assert not holds(files, str(event).encode())
    with pipeline.db.transaction(pipeline.project) as conn:
        final = erasures.get(conn, pipeline.project, receipt.id)
    assert final.state == "done"
    assert final.pending == ()
    assert final.notes["index"] == "rewritten"
    assert final.notes["postgresql"] == "vacuumed"


def test_what_the_policy_keeps_no_longer_is_erased_with_a_receipt(pipeline):
    pipeline.say("I live in Porto.")
    settle(pipeline)
    body = DEFAULT.model_dump(mode="json")
    body["forgetting"]["event_days"] = 30.0
    with pipeline.db.transaction(pipeline.project) as conn:
        policy.put(conn, pipeline.project, None, body)
    assert upkeep.RUN["erase_aged"](pipeline.later(timedelta(days=29)).context) is None
    assert len(pipeline.events()) == 1
    upkeep.RUN["erase_aged"](pipeline.later(timedelta(days=31)).context)
    assert pipeline.events() == []
    assert texts(pipeline) == []
    with pipeline.db.transaction(pipeline.project) as conn:
        (receipt,) = erasures.page(conn, pipeline.project, user_id="ann", after=None, limit=10)
    assert (receipt.target_kind, receipt.reason, receipt.created_by) == ("age", "age", "policy")


def test_with_a_qdrant_server_nothing_is_rewritten_and_the_receipt_says_so(pipeline):
    (event, _) = pipeline.say(f"I live in {CANARY}.", "I play the cello.")
    settle(pipeline)
    receipt = erase_event(pipeline, event)
    settle(pipeline)
    before = pipeline.context.collections.name()
    settings = pipeline.context.settings.model_copy(update={"qdrant_url": "http://qdrant:6333"})
    with pipeline.db.transaction(pipeline.project) as conn:
        conn.execute("UPDATE work SET run_after = now() WHERE kind = 'rewrite'")
    with pipeline.db.transaction(None) as conn:
        (item,) = work.claim(conn, [WorkKind.REWRITE], 1, 60)
    erasing.rewrite(replace(pipeline.context, settings=settings), item, Lease(item, 1e12, 60))
    with pipeline.db.transaction(pipeline.project) as conn:
        final = erasures.get(conn, pipeline.project, receipt.id)
    assert (final.state, final.notes["index"].split(";")[0]) == ("done", "deleted")
    assert pipeline.context.collections.name() == before
    assert event not in pipeline.points()


def test_a_reworded_memory_leaves_its_place_to_one_that_says_the_same(pipeline):
    """Two turns tell one memory its words in turn; the first wording is another memory's by now."""
    pipeline.say("I play the cello.")
    (second,) = pipeline.say("I play the cello.", session="s2", at=later(1))
    settle(pipeline)
    (memory,) = pipeline.rows("SELECT id FROM memories WHERE status = 'active'")
    with pipeline.db.transaction(pipeline.user()) as conn:
        conn.execute("UPDATE memories SET text = 'The user plays it.', text_hash = 'x', version = 2")
        conn.execute(RECORD, {"id": memory["id"], "change": "merge", "reason": None, "actor": "pipeline",
                              "project": pipeline.project.project_id, "user": "ann"})  # fmt: skip
        conn.execute(
            "INSERT INTO memories (id, project_id, user_id, type, text, text_hash, occurred_at, live_from)"
            " SELECT gen_random_uuid(), project_id, user_id, type, 'The user plays the cello.', %s, now(), now()"
            " FROM memories",
            (text_hash("The user plays the cello."),),
        )
    erase_event(pipeline, second)
    assert texts(pipeline) == ["The user plays the cello."]
    assert texts(pipeline, "erased") == [""]


def test_sleep_that_read_before_the_erasure_writes_nothing_after_it(pipeline):
    pipeline.say(f"I live in {CANARY}.")
    settle(pipeline)
    seen = sleep_stage._look(pipeline.context, pipeline.user())
    doing = Doing(pipeline.context, pipeline.user(), uuid4(), lease=None)
    erase_user(pipeline)
    with pytest.raises(ErasedMeanwhileError):
        perform(doing, [None], seen.at)
    with pytest.raises(ErasedMeanwhileError):
        sleep_stage._finish(doing, sleep_stage._Progress(), seen, seen.at)
    assert not pipeline.rows("SELECT 1 FROM sleeps UNION ALL SELECT 1 FROM scenes UNION ALL SELECT 1 FROM blocks")
