"""Reflections that the job of kind `sleep` derives, on real parts."""

from dataclasses import replace

from app.domain.lifecycle import StateAction
from app.domain.memory import MemoryType
from app.domain.query import Narrowing
from app.inference.llm import ModelFailedError
from app.ledger.runner import Runner
from app.services import lifecycle
from app.services.lifecycle import Order
from app.storage import changes, memory_edits, vectors
from tests.support.sleep_jobs import CLIMBS, asleep, climbs, remember, turns
from tests.workers.conftest import START, Pipeline
from tests.workers.erased import settle
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


def test_a_deleted_reflection_stays_away_and_a_deleted_memory_takes_it_along(pipeline):
    members = climbs(pipeline)
    asleep(pipeline)
    with pipeline.db.transaction(pipeline.user()) as conn:
        changes.lock_user(conn, pipeline.user())
        memory_edits.erase(conn, pipeline.user(), [members[0]], actor="key:test")
    (made,) = pipeline.rows(REFLECTIONS)
    assert (made["status"], made["text"]) == ("erased", "")
    asleep(pipeline)
    assert pipeline.rows(REFLECTIONS) == [made]


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
