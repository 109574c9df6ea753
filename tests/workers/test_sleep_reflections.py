"""Reflections that the job of kind `sleep` derives, on real parts."""

from dataclasses import replace

from app.domain.lifecycle import StateAction
from app.domain.memory import MemoryType
from app.domain.normalise import text_hash
from app.domain.query import Narrowing
from app.inference.llm import ModelFailedError
from app.ledger.runner import Runner
from app.services import lifecycle
from app.services.lifecycle import Order
from app.storage import changes, memory_edits, vectors
from app.storage.memory_edits import MemoryDraft
from tests.support.sleep_jobs import CLIMBS, asleep, climbs, remember, turns
from tests.workers.conftest import START, Pipeline
from tests.workers.erased import erase_event, erase_memory, settle, verify
from workers.stages import stages_for

REFLECTIONS = "SELECT * FROM memories WHERE type = 'reflection' ORDER BY id"


def test_what_recurs_over_sessions_becomes_a_reflection_with_its_sources(pipeline):
    members = climbs(pipeline, 3)
    asleep(pipeline)
    (made,) = pipeline.rows(REFLECTIONS)
    assert made["text"] == "The user has spoken of climbing in 3 conversations between March and April 2026."
    assert made["confidence"] < 0.5
    linked = pipeline.rows("SELECT to_id FROM links WHERE from_id = %s AND type = 'derived_from'", values=[made["id"]])
    assert {row["to_id"] for row in linked} == set(members)
    assert len(pipeline.rows("SELECT 1 FROM memory_sources WHERE memory_id = %s", values=[made["id"]])) == 3
    asleep(pipeline)
    assert pipeline.rows(REFLECTIONS) == [made]

    old = pipeline.rows("SELECT dense FROM vectors WHERE target_id = %s", values=[made["id"]])
    climbs_again = turns(pipeline, CLIMBS[3], session="s9", day=100)
    remember(pipeline, "The user is sore from climbing.", sources=climbs_again, day=100)
    asleep(pipeline)
    (again,) = pipeline.rows(REFLECTIONS)
    assert (again["id"], again["version"]) == (made["id"], 2)
    assert "4 conversations between March and June 2026" in again["text"]
    new = pipeline.rows("SELECT dense FROM vectors WHERE target_id = %s", values=[made["id"]])
    (dense,) = pipeline.context.encoder.encode([again["text"]])
    assert new != old  # A-MEM and LightMem forget to embed what they edited
    assert new[0]["dense"] == vectors.to_half(dense)


def test_a_reflection_takes_no_place_of_what_it_rests_on(pipeline):
    climbs(pipeline)
    pipeline.run("index")
    question = "What does the user say about climbing?"
    before = {item.id for item in pipeline.ask(question).items}
    asleep(pipeline)
    pipeline.run("index")
    (made,) = pipeline.rows(REFLECTIONS)
    assert {item.id for item in pipeline.ask(question).items} == before
    asked_for = pipeline.ask(question, narrowing=Narrowing(types=frozenset({MemoryType.REFLECTION})))
    assert [item.id for item in asked_for.items] == [made["id"]]


class Broken:
    """A model that never answers, and a write that comes while it is asked."""

    def __init__(self, pipeline) -> None:
        self.pipeline, self.asked = pipeline, 0

    def ask(self, question, *, seconds, check) -> str:
        self.asked += 1
        scope = self.pipeline.user()
        with self.pipeline.db.transaction(scope) as conn:  # no transaction of the job is open now
            changes.lock_user(conn, scope)
        raise ModelFailedError("timeout")


def test_a_model_that_fails_costs_its_words_only(pipeline):
    climbs(pipeline)
    model = Broken(pipeline)
    context = replace(pipeline.context, llm=model)
    asleep(Pipeline(context, pipeline.project, Runner(context, stages_for(context))))
    (made,) = pipeline.rows(REFLECTIONS)
    assert "has spoken of climbing in 4 conversations" in made["text"]
    assert model.asked == 1


def test_a_deleted_reflection_stays_away(pipeline):
    climbs(pipeline)
    asleep(pipeline)
    (made,) = pipeline.rows(REFLECTIONS)
    erase_memory(pipeline, made["id"])
    (left,) = pipeline.rows(REFLECTIONS)
    assert (left["status"], left["text"]) == ("erased", "")
    asleep(pipeline)
    assert pipeline.rows(REFLECTIONS) == [left]


def test_a_deleted_memory_takes_the_reflection_along_which_is_derived_anew_without_it(pipeline):
    members = climbs(pipeline)
    asleep(pipeline)
    (made,) = pipeline.rows(REFLECTIONS)
    assert "4 conversations" in made["text"]
    receipt = erase_memory(pipeline, members[3])
    assert pipeline.rows(REFLECTIONS) == []
    assert not pipeline.rows("SELECT 1 FROM vectors WHERE target_id = %s", values=[made["id"]])
    assert pipeline.rows("SELECT 1 FROM unindex WHERE target_id = %s", values=[made["id"]])
    asleep(pipeline)
    (again,) = pipeline.rows(REFLECTIONS)
    assert again["text"] == "The user has spoken of climbing in 3 conversations between March and April 2026."
    assert verify(pipeline, receipt) == {}


def test_a_reflection_that_rests_on_too_little_after_an_erasure_does_not_come_back(pipeline):
    climbs(pipeline, 3)
    asleep(pipeline)
    (event,) = pipeline.rows("SELECT id FROM events WHERE content = %s", values=[CLIMBS[0]])
    receipt = erase_event(pipeline, event["id"])
    asleep(pipeline)
    assert pipeline.rows(REFLECTIONS) == []
    assert verify(pipeline, receipt) == {}


def test_a_reflection_that_an_app_has_reworded_keeps_those_words(pipeline):
    members = climbs(pipeline)
    asleep(pipeline)
    (made,) = pipeline.rows(REFLECTIONS)
    own = "Ann is a climber."
    with pipeline.db.transaction(pipeline.user()) as conn:
        changes.lock_user(conn, pipeline.user())
        draft = MemoryDraft(own, text_hash(own), MemoryType.REFLECTION, 0.5, 0.5, subject="user", attribute="recurring")
        memory_edits.patch(conn, pipeline.user(), made["id"], draft, actor="key:test")
    erase_memory(pipeline, members[0])
    (left,) = pipeline.rows(REFLECTIONS)
    assert (left["status"], left["text"]) == ("active", own)
    texts = pipeline.rows("SELECT text FROM memory_versions WHERE memory_id = %s ORDER BY version", values=[made["id"]])
    assert [row["text"] for row in texts] == ["", own]


def test_a_reflection_on_what_has_ended_is_withdrawn_and_made_anew_of_what_remains(pipeline):
    members = climbs(pipeline)
    asleep(pipeline)
    (made,) = pipeline.rows(REFLECTIONS)
    order = Order(StateAction.INVALIDATE, "never so", None, "key:test")
    with pipeline.db.transaction(pipeline.project) as conn:
        lifecycle.act(conn, pipeline.project, members[3], order, START)
    settle(pipeline)
    (gone,) = pipeline.rows(REFLECTIONS)
    assert (gone["status"], gone["version"]) == ("invalidated", 2)
    (said,) = pipeline.rows(
        "SELECT reason FROM memory_versions WHERE memory_id = %s AND version = 2", values=[made["id"]]
    )
    assert said["reason"] == "members_ended"

    asleep(pipeline)
    (anew,) = pipeline.rows(REFLECTIONS)
    assert (anew["status"], anew["version"], anew["live_until"]) == ("active", 3, None)
    assert "3 conversations" in anew["text"]
    settle(pipeline)
    asleep(pipeline)
    (still,) = pipeline.rows(REFLECTIONS)
    assert (still["status"], still["version"]) == ("active", 3), "a link to what has ended withdraws nothing again"

    with pipeline.db.transaction(pipeline.project) as conn:
        lifecycle.act(conn, pipeline.project, members[3], replace(order, action=StateAction.RESTORE), START)
    settle(pipeline)
    asleep(pipeline)
    assert "4 conversations" in pipeline.rows(REFLECTIONS)[0]["text"]


def test_a_reflection_that_no_longer_recurs_stays_withdrawn_and_a_frozen_one_stays(pipeline):
    members = climbs(pipeline, 3)
    asleep(pipeline)
    (made,) = pipeline.rows(REFLECTIONS)
    end = Order(StateAction.INVALIDATE, None, None, "key:test")
    with pipeline.db.transaction(pipeline.project) as conn:
        lifecycle.act(conn, pipeline.project, made["id"], replace(end, action=StateAction.FREEZE), START)
        lifecycle.act(conn, pipeline.project, members[0], end, START)
    settle(pipeline)
    assert [row["status"] for row in pipeline.rows(REFLECTIONS)] == ["active"]
    with pipeline.db.transaction(pipeline.project) as conn:
        lifecycle.act(conn, pipeline.project, made["id"], replace(end, action=StateAction.UNFREEZE), START)
    settle(pipeline)
    asleep(pipeline)
    assert [row["status"] for row in pipeline.rows(REFLECTIONS)] == ["invalidated"]
