"""Reflections whose members end: not believed any longer from the same transaction on, whatever ended them."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from app.clock import utc_now
from app.domain.feedback import FeedbackSignal
from app.domain.lifecycle import StateAction
from app.domain.query import Narrowing
from app.services import feedback, lifecycle, memories, versions
from app.services.feedback import Said
from app.services.memories import MemoryChanges
from app.services.versions import Wanted
from app.storage import recall
from tests.support.sleep_jobs import asleep, climbs, remember, turns
from tests.workers.conftest import START

STANDS = "SELECT id, status, version, text FROM memories WHERE type = 'reflection'"


def invalidate(pipeline, memory_id: UUID) -> None:
    act(pipeline, memory_id, StateAction.INVALIDATE)


def act(pipeline, memory_id: UUID, action: StateAction) -> None:
    scope = pipeline.user()
    with pipeline.db.transaction(scope) as conn:
        lifecycle.act(conn, scope, memory_id, lifecycle.Order(action, None, None, "key:test"), utc_now())


def outdated(pipeline, memory_id: UUID) -> None:
    say_of(pipeline, memory_id, FeedbackSignal.OUTDATED)


def private(pipeline, memory_id: UUID) -> None:
    say_of(pipeline, memory_id, FeedbackSignal.PRIVATE)


def say_of(pipeline, memory_id: UUID, signal: FeedbackSignal) -> None:
    scope = pipeline.user()
    with pipeline.db.transaction(scope) as conn:
        feedback.give(conn, scope, memory_id, Said(uuid4(), signal), utc_now(), actor="key:test")


def reword(pipeline, memory_id: UUID, text: str = "The user went swimming at the gym.") -> None:
    scope, encoded = pipeline.user(), memories.encode(pipeline.context.encoder, text)
    with pipeline.db.transaction(scope) as conn:
        wanted = MemoryChanges(frozenset({"text"}), text=text)
        memories.patch(conn, scope, memory_id, wanted, encoded, versions=None, actor="key:test")


def statuses(pipeline) -> list[str]:
    return [row["status"] for row in pipeline.rows(STANDS)]


@pytest.mark.parametrize("ended", [invalidate, outdated, private, reword])
def test_it_ends_with_its_member_and_is_made_anew_of_the_others(pipeline, ended):
    members = climbs(pipeline)
    asleep(pipeline)
    assert statuses(pipeline) == ["active"]
    ended(pipeline, members[3])
    assert statuses(pipeline) == ["invalidated"]
    asleep(pipeline)
    (made,) = pipeline.rows(STANDS)
    assert (made["status"], made["version"]) == ("active", 3)
    assert "in 3 conversations" in made["text"]
    asleep(pipeline)
    assert pipeline.rows(STANDS) == [made]


def test_a_version_that_says_something_else_ends_it(pipeline):
    members = climbs(pipeline)
    with pipeline.db.transaction(pipeline.user()) as conn:
        (said,) = [
            entry.version.text for entry in versions.history(conn, pipeline.user(), members[0], after=0, limit=1)
        ]
    reword(pipeline, members[0])
    reword(pipeline, members[0], said)
    asleep(pipeline)
    encoded = memories.encode(pipeline.context.encoder, "The user went swimming at the gym.")
    with pipeline.db.transaction(pipeline.user()) as conn:
        versions.restore(conn, pipeline.user(), Wanted(members[0], 2, None, "key:test"), encoded)
    assert statuses(pipeline) == ["invalidated"]


def test_what_is_said_later_ends_it(pipeline):
    made = climbs(pipeline, 2)
    pipeline.say("I live in Lisbon near the climbing gym.", session="s7", at=START + timedelta(days=90))
    pipeline.settle()
    (home,) = pipeline.rows("SELECT id, status FROM memories WHERE attribute = 'home'")
    (turn,) = turns(pipeline, "Climbing again.", session="s8", day=95)
    remember(pipeline, "The user is climbing again.", sources=[turn], day=95)
    asleep(pipeline)
    (reflection,) = pipeline.rows(STANDS)
    linked = pipeline.rows("SELECT to_id FROM links WHERE from_id = %s", values=[reflection["id"]])
    assert {row["to_id"] for row in linked} >= {home["id"], *made}
    pipeline.say("I moved to Porto.", session="s9", at=START + timedelta(days=100))
    pipeline.run("extract", "consolidate")
    gone = pipeline.rows("SELECT status FROM memories WHERE id = %s", values=[home["id"]])
    assert [row["status"] for row in gone] == ["superseded"]
    assert statuses(pipeline) == ["invalidated"]


def test_the_turns_of_one_that_ended_are_not_outdated(pipeline):
    """A turn whose memory only faded still says what it says."""
    members = climbs(pipeline)
    asleep(pipeline)
    act(pipeline, members[1], StateAction.ARCHIVE)
    invalidate(pipeline, members[3])
    turn = {row["event_id"] for row in pipeline.rows("SELECT event_id FROM memory_sources WHERE memory_id = %s",
                                                     values=[members[1]])}  # fmt: skip
    scope = pipeline.user()
    with pipeline.db.transaction(scope) as conn:
        model = pipeline.context.encoder.fingerprint
        seen = recall.turns(conn, scope, Narrowing(latest_only=True), list(turn), model=model)
    assert set(seen) == turn
