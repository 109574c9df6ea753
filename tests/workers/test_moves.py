"""Memories change their status in bulk, with one new version each; what is frozen or there already stays."""

from app.domain.memory import MemoryStatus
from app.storage import changes, memory_states
from app.storage.memory_states import Move

ARCHIVE = Move(MemoryStatus.ARCHIVED, "state", "faded", "job:1")


def moved(pipeline, what: Move) -> int:
    ids = [row["id"] for row in pipeline.rows("SELECT id FROM memories")]
    with pipeline.db.transaction(pipeline.user()) as conn:
        changes.lock_user(conn, pipeline.user())
        return len(memory_states.move(conn, pipeline.user(), ids, what))


def test_a_move_is_one_version_and_a_second_one_is_none(pipeline):
    pipeline.say("I live in Ghent.", "I have two cats.")
    pipeline.run()
    assert moved(pipeline, ARCHIVE) == 2
    assert moved(pipeline, ARCHIVE) == 0
    versions = pipeline.rows(
        "SELECT m.version, v.status, v.change, v.reason, v.actor, v.recorded_at = m.updated_at AS now,"
        " (SELECT o.recorded_until = m.updated_at FROM memory_versions o WHERE o.memory_id = m.id AND o.version = 1)"
        " AS ended FROM memories m JOIN memory_versions v ON v.memory_id = m.id AND v.version = m.version"
    )
    expected = {
        "version": 2, "status": "archived", "change": "state", "reason": "faded", "actor": "job:1", "now": True,
        "ended": True,
    }  # fmt: skip
    assert versions == [expected, expected]


def test_what_is_frozen_moves_only_when_told(pipeline):
    pipeline.say("I live in Ghent.")
    pipeline.run()
    with pipeline.db.transaction(pipeline.user()) as conn:
        conn.execute("UPDATE memories SET frozen = true")
    assert moved(pipeline, ARCHIVE) == 0
    assert moved(pipeline, Move(MemoryStatus.ARCHIVED, "state", "asked", "key:1", frozen=True)) == 1
