"""Erasures and words that are there more than once: recorded again by a key, said again, or about to be read."""

from uuid import uuid4

import pytest

from app.domain.lifecycle import StateAction
from app.domain.work import WorkKind
from app.services import erasures, jobs, lifecycle
from app.services.lifecycle import Order
from app.storage import memory_edits, work
from tests.workers.erased import CANARY, erase_event, erase_user, everything, later, settle, texts, verify


def resting_on_both(pipeline, *said):
    """One memory, in the words of the first of two turns; returns it and the turns."""
    first, second = pipeline.say(said[0])[0], pipeline.say(said[1], session="s2", at=later(1))[0]
    settle(pipeline)
    (memory,) = pipeline.rows(
        "SELECT m.id FROM memories m JOIN memory_sources s ON s.memory_id = m.id WHERE s.event_id = %s", values=(first,)
    )
    with pipeline.db.transaction(pipeline.user()) as conn:
        conn.execute(
            "INSERT INTO memory_sources (memory_id, event_id, project_id, user_id) VALUES (%s, %s, %s, 'ann')"
            " ON CONFLICT DO NOTHING",
            (memory["id"], second, pipeline.project.project_id),
        )
    return memory["id"], first, second


@pytest.mark.parametrize("action", [StateAction.FREEZE, StateAction.ARCHIVE])
def test_words_that_a_key_only_recorded_again_are_those_of_their_source(pipeline, private, action):
    memory, first, _ = resting_on_both(pipeline, f"I own a zeppelin called {CANARY}.", "The weather was fine.")
    with pipeline.db.transaction(pipeline.project) as conn:
        lifecycle.act(conn, pipeline.project, memory, Order(action, None, None, "key:test"), later(2))
    receipt = erase_event(pipeline, first)
    settle(pipeline)
    assert CANARY.casefold() not in "".join(everything(private).values()).casefold()
    assert verify(pipeline, receipt) == {}


def test_words_that_a_key_wrote_stay_when_a_source_goes(pipeline):
    memory, first, _ = resting_on_both(pipeline, "I own a zeppelin.", "The weather was fine.")
    with pipeline.db.transaction(pipeline.user()) as conn:
        conn.execute("UPDATE memories SET text = 'Flies an airship.', version = version + 1 WHERE id = %s", (memory,))
        memory_edits.close_version(conn, pipeline.user(), memory)
        of = {"id": memory, "project": pipeline.project.project_id, "user": "ann"}
        conn.execute(memory_edits.RECORD, of | {"change": "update", "reason": None, "actor": "key:test"})
    erase_event(pipeline, first)
    settle(pipeline)
    assert "Flies an airship." in texts(pipeline)


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


def test_a_turn_that_stays_and_was_not_read_yet_may_say_what_was_erased(pipeline):
    (first,) = pipeline.say("I live in Porto.")
    settle(pipeline)
    pipeline.say("I live in Porto.", session="s2", at=later(1))
    receipt = erase_event(pipeline, first)
    settle(pipeline)
    assert texts(pipeline) == ["The user lives in Porto."]
    with pipeline.db.transaction(pipeline.user()) as conn:
        seen = erasures.verify(conn, pipeline.user(), receipt)
    assert seen.found == {}


def test_what_a_template_says_is_not_what_the_user_said(pipeline):
    """A reflection speaks of "conversations", and so does that of another theme."""
    _, first, second = resting_on_both(pipeline, "I own a zeppelin.", "The weather was fine.")
    with pipeline.db.transaction(pipeline.user()) as conn:
        conn.execute("UPDATE memory_versions SET text = 'Comes up in 3 conversations: zeppelin.'")
        conn.execute("DELETE FROM memory_sources WHERE event_id = %s", (second,))
    pipeline.say("I keep bees.", session="s3", at=later(2))
    settle(pipeline)
    receipt = erase_event(pipeline, first)
    settle(pipeline)
    with pipeline.db.transaction(pipeline.user()) as conn:
        conn.execute("UPDATE memories SET text = 'Comes up in 4 conversations: bees.' WHERE status = 'active'")
    assert verify(pipeline, receipt) == {}
