"""A memory that a sweep archived and that is said again: one row that comes back, and what must stay put away."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from app.clock import utc_now
from app.domain.feedback import FeedbackSignal
from app.domain.lifecycle import StateAction
from app.domain.policy import Preset
from app.services import feedback, jobs, lifecycle
from app.services.feedback import Said
from tests.workers.conftest import START

TEXT = "I keep my toolbox in the garage."
ALL = "SELECT id, status, version, use_count FROM memories ORDER BY created_at, id"


def sweep(pipeline) -> None:
    with pipeline.db.transaction(pipeline.project) as conn:
        jobs.create(conn, pipeline.project, uuid4(), "decay", {}, dry_run=False, actor="test")
    pipeline.run("job")


def say(pipeline, session: str, day: int) -> None:
    pipeline.say(TEXT, session=session, at=START + timedelta(days=day))
    pipeline.settle()


@pytest.fixture
def told(pipeline) -> UUID:
    """A memory of the text, recorded so long ago that a sweep puts it away."""
    say(pipeline, "s1", 0)
    rows = pipeline.rows("UPDATE memories SET created_at = now() - interval '3 years' RETURNING id")
    assert len(rows) == 1
    return rows[0]["id"]


def test_it_comes_back_as_the_same_memory_and_is_stronger(pipeline, told):
    sweep(pipeline)
    assert [row["status"] for row in pipeline.rows(ALL)] == ["archived"]
    say(pipeline, "s2", 100)
    (row,) = pipeline.rows(ALL)
    assert (row["id"], row["status"], row["use_count"]) == (told, "active", 1.0)
    assert len(pipeline.rows("SELECT event_id FROM memory_sources")) == 2
    history = pipeline.rows("SELECT change, reason FROM memory_versions ORDER BY version")
    assert [(entry["change"], entry["reason"]) for entry in history][1:3] == [
        ("decay", "faded"),
        ("restore", "said_again"),
    ]
    assert pipeline.points()[told] == row["version"]
    sweep(pipeline)
    assert [row["status"] for row in pipeline.rows(ALL)] == ["active"]


def test_what_is_said_again_before_it_is_put_away_fades_anew(pipeline, told):
    say(pipeline, "s2", 100)
    sweep(pipeline)
    (row,) = pipeline.rows(ALL)
    assert (row["id"], row["status"]) == (told, "active")
    history = [entry["change"] for entry in pipeline.rows("SELECT change FROM memory_versions ORDER BY version")]
    assert history == ["add", "strengthen"]


def test_it_comes_back_also_where_decisions_wait(pipeline, told):
    pipeline.under(
        Preset.LIGHTMEM, "extract.buffer_tokens", "segment.max_tokens", "segment.max_events", "gate.min_words"
    )
    sweep(pipeline)
    say(pipeline, "s2", 100)
    assert [(row["id"], row["status"]) for row in pipeline.rows(ALL)] == [(told, "active")]


@pytest.mark.parametrize("how", ["by_hand", "private"])
def test_what_a_person_put_away_stays_hidden(pipeline, told, how):
    sweep(pipeline)
    with pipeline.db.transaction(pipeline.user()) as conn:
        if how == "private":
            said = Said(uuid4(), FeedbackSignal.PRIVATE)
            feedback.give(conn, pipeline.user(), told, said, utc_now(), actor="test")
        else:
            for action in (StateAction.RESTORE, StateAction.ARCHIVE):
                lifecycle.act(conn, pipeline.user(), told, lifecycle.Order(action, None, None, "test"), utc_now())
    say(pipeline, "s2", 100)
    stand = {row["id"]: (row["status"], row["use_count"]) for row in pipeline.rows(ALL)}
    assert stand[told] == ("archived", 0.0)
    assert [status for id_, (status, _) in stand.items() if id_ != told] == ["active"]  # the new statement is new


def test_it_stays_put_away_beside_an_active_one_with_its_text(pipeline, told):
    sweep(pipeline)
    pipeline.rows("UPDATE memories SET text_hash = 'other' RETURNING 1")
    say(pipeline, "s2", 100)
    pipeline.rows(
        "UPDATE memories SET text_hash = (SELECT text_hash FROM memories WHERE status = 'active')"
        " WHERE status = 'archived' RETURNING 1"
    )
    say(pipeline, "s3", 101)
    assert sorted(row["status"] for row in pipeline.rows(ALL)) == ["active", "archived"]
