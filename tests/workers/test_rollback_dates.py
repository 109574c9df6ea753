"""Rollback of what an app sets beside the words of a memory, and of what feedback flagged."""

from datetime import datetime, timedelta

import pytest

from app.clock import utc_now
from app.domain.memory import MemoryStatus
from app.services import memories, versions
from app.services.memories import MemoryChanges
from app.services.versions import Wanted
from tests.support.told import LATER, Told


@pytest.fixture
def told(pipeline):
    return Told(pipeline, "ann")


def test_what_an_app_set_and_feedback_flagged_comes_back(told):
    told.do("say", 3)
    (memory,) = told.list(status=None)
    told.do("remind", 0)
    told.do("remind", 1)
    at = told.known[-1][0]
    told.do("remind", 2)
    told.do("judge", 0)
    (now,) = told.list(status=None)
    assert (now.expires_at, now.review_at, now.flagged) == (None, None, True)
    (then,) = told.list(status=None, known_at=at)
    assert (then.expires_at, then.review_at, then.flagged) == (LATER, LATER, False)
    job, items = told.roll_back(at)
    assert set(items[0].detail["fields"]) == {"confidence", "expires_at", "review_at", "flagged"}
    (back,) = told.list(status=None)
    assert (back.expires_at, back.review_at, back.flagged) == (LATER, LATER, False)
    told.roll_back(datetime.fromisoformat(job.counts["undo_known_at"]))
    (undone,) = told.list(status=None)
    assert (undone.expires_at, undone.review_at, undone.flagged) == (None, None, True)
    with told.pipeline.db.transaction(told.pipeline.user()) as conn:
        entries = versions.history(conn, told.pipeline.user(), memory.id, after=0, limit=9)
    assert [{change.field for change in entry.changes} for entry in entries[1:4]] == [
        {"expires_at"},
        {"review_at"},
        {"expires_at", "review_at"},
    ]


def test_one_version_comes_back_without_an_expiry_that_has_passed(told):
    told.do("say", 3)
    (memory,) = told.list(status=None)
    scope = told.pipeline.user()
    soon = utc_now() + timedelta(milliseconds=1)
    for wanted in ({"expires_at": soon}, {"expires_at": None}):
        with told.pipeline.db.transaction(scope) as conn:
            changes = MemoryChanges(frozenset(wanted), **wanted)
            memories.patch(conn, scope, memory.id, changes, None, versions=None, actor="key:test")
    encoded = memories.encode(told.pipeline.context.encoder, memory.text)
    with told.pipeline.db.transaction(scope) as conn:
        versions.restore(conn, scope, Wanted(memory.id, 2, None, "key:test"), encoded)
    (back,) = told.list(status=None)
    assert (back.status, back.expires_at) == (MemoryStatus.ACTIVE, None)


def test_what_is_frozen_is_flagged_by_a_version(told):
    told.do("say", 3)
    told.pipeline.rows("UPDATE memories SET frozen = true RETURNING 1")
    at = told.known[-1][0]
    told.do("judge", 0)
    (now,) = told.list(status=None)
    assert (now.flagged, now.version, now.confidence) == (True, 2, pytest.approx(told.known[0][1][0].confidence))
    told.do("judge", 0)
    assert told.list(status=None)[0].version == 2  # it is flagged already
    told.roll_back(at)
    assert not told.list(status=None)[0].flagged
