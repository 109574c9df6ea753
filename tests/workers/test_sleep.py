"""The job of kind `sleep` on real parts: a dry run shows what a run does, nothing is lost, writes in between win."""

from uuid import uuid4

import pytest

from app.domain.memory import MemoryStatus, MemoryType
from app.domain.normalise import text_hash
from app.ledger import upkeep
from app.storage import changes, memory_edits, memory_states
from app.storage.memory_edits import MemoryDraft
from app.storage.memory_states import Move
from tests.support.sleep_jobs import asleep, climbs, remember, turns, under
from tests.workers.conftest import Pipeline
from workers.lifecycle import sleep as sleep_stage


def state(pipeline: Pipeline) -> list[dict]:
    return pipeline.rows(
        "SELECT id, version, status, text, superseded_by, importance, use_count, live_until FROM memories ORDER BY id"
    )


@pytest.fixture
def twins(pipeline):
    """Two memories that say the same, from two turns, and what each has of its own."""
    one, other = turns(pipeline, "I love jazz.", "Jazz is what I really love.")
    kept = remember(pipeline, "The user loves jazz.", sources=[one])
    gone = remember(pipeline, "The user really loves jazz.", sources=[other], day=1, importance=0.9)
    cello = remember(pipeline, "The user plays the cello.")
    with pipeline.db.transaction(pipeline.user()) as conn:
        conn.execute("UPDATE memories SET use_count = 2 WHERE id = %s", (kept,))
        conn.execute("UPDATE memories SET use_count = 3 WHERE id = %s", (gone,))
        conn.execute(
            "INSERT INTO links (id, project_id, user_id, from_id, to_id, type) SELECT %s, project_id, user_id, %s, %s,"
            " 'causal' FROM memories WHERE id = %s",
            (uuid4(), gone, cello, gone),
        )
        entity = uuid4()
        conn.execute(
            "INSERT INTO entities (id, project_id, user_id, name, normalised) SELECT %s, project_id, user_id, 'Jazz',"
            " 'jazz' FROM memories WHERE id = %s",
            (entity, gone),
        )
        conn.execute(
            "INSERT INTO memory_entities SELECT id, %s, project_id, user_id FROM memories WHERE id = %s", (entity, gone)
        )
    return kept, gone, cello


def test_what_says_the_same_becomes_one_and_nothing_of_it_is_lost(pipeline, twins):
    kept, gone, cello = twins
    job, items = asleep(pipeline, user_id="ann")
    assert (job.state, job.counts["merge"]) == ("done", 1)
    rows = {row["id"]: row for row in state(pipeline)}
    assert (rows[gone]["status"], rows[gone]["superseded_by"]) == ("merged", kept)
    assert (rows[kept]["status"], rows[kept]["use_count"]) == ("active", 5)
    assert rows[kept]["importance"] == pytest.approx(0.9)
    sources = pipeline.rows("SELECT count(*) AS n FROM memory_sources WHERE memory_id = %s", values=[kept])
    assert sources[0]["n"] == 2
    assert pipeline.rows("SELECT 1 FROM memory_sources WHERE memory_id = %s", values=[gone]) != []
    assert pipeline.rows("SELECT to_id FROM links WHERE from_id = %s AND type = 'causal'", values=[kept]) == [
        {"to_id": cello}
    ]
    assert pipeline.rows("SELECT 1 FROM memory_entities WHERE memory_id = %s", values=[kept]) != []
    versions = pipeline.rows("SELECT memory_id, change, actor, recorded_until FROM memory_versions WHERE version = 2")
    assert {(v["memory_id"], v["change"], v["actor"]) for v in versions} == {
        (kept, "merge", f"job:{job.id}"),
        (gone, "merge", f"job:{job.id}"),
    }
    open_ = pipeline.rows("SELECT memory_id FROM memory_versions WHERE recorded_until IS NULL")
    assert len(open_) == 3
    audit = pipeline.rows("SELECT actor, detail FROM audit WHERE action = 'sleep' ORDER BY at, id")
    assert any(entry["detail"].get("merge") == 1 for entry in audit)
    assert {entry["actor"] for entry in audit} == {f"job:{job.id}"}
    assert [item.target_id for item in items if item.action == "merge"] == [str(gone)]


def test_a_dry_run_shows_what_the_run_does_and_changes_nothing(pipeline, twins):
    before, links = state(pipeline), pipeline.rows("SELECT * FROM links ORDER BY id")
    shown_job, shown = asleep(pipeline, dry_run=True)
    assert (state(pipeline), pipeline.rows("SELECT * FROM links ORDER BY id")) == (before, links)
    assert pipeline.rows("SELECT 1 FROM sleeps") == []
    done_job, done = asleep(pipeline)
    assert done == shown
    assert done_job.counts == shown_job.counts
    assert {"merge", "scene"} <= done_job.counts.keys()


def test_a_second_run_does_nothing(pipeline, twins):
    asleep(pipeline)
    before = state(pipeline)
    job, items = asleep(pipeline)
    assert (items, state(pipeline)) == ([], before)
    assert job.counts["active_before"] == job.counts["active_after"] == 2


def patched(conn, scope, memory_id) -> None:
    text = "The user loves jazz no more."
    draft = MemoryDraft(text, text_hash(text), MemoryType.FACT, 0.5, 0.7, subject="user")
    memory_edits.patch(conn, scope, memory_id, draft, actor="key:test")


def erased(conn, scope, memory_id) -> None:
    memory_edits.erase(conn, scope, [memory_id], actor="key:test")


def archived(conn, scope, memory_id) -> None:
    memory_states.move(conn, scope, [memory_id], Move(MemoryStatus.ARCHIVED, "state", "test", "key:test"))


@pytest.mark.parametrize(
    ("write", "left"),
    [
        (patched, ("The user loves jazz no more.", "active")),
        (erased, ("", "erased")),
        (archived, ("The user really loves jazz.", "archived")),
    ],
    ids=["patched", "erased", "archived"],
)
def test_a_write_during_the_run_is_never_overwritten(pipeline, twins, monkeypatch, write, left):
    """Wrong-neighbour edits of the research: what was planned on an old version is not done."""
    kept, gone, _ = twins
    perform, written = sleep_stage.perform, []

    def late(doing, actions, since):
        if not written:
            written.append(actions)
            with pipeline.db.transaction(pipeline.user()) as conn:
                changes.lock_user(conn, pipeline.user())
                write(conn, pipeline.user(), gone)
        perform(doing, actions, since)

    monkeypatch.setattr(sleep_stage, "perform", late)
    job, items = asleep(pipeline)
    rows = {row["id"]: row for row in state(pipeline)}
    assert job.state == "done"
    assert (rows[gone]["text"], rows[gone]["status"]) == left
    assert (rows[kept]["version"], rows[kept]["status"]) == (1, "active")
    assert [item for item in items if item.action == "merge"] == []


def test_frozen_memories_and_other_values_stay_as_they_are(pipeline):
    ids = [
        remember(pipeline, "The user is allergic to peanuts."),
        remember(pipeline, "The user is not allergic to peanuts."),
        remember(pipeline, "The user was born on 3 May."),
        remember(pipeline, "The user was born on 4 May."),
        remember(pipeline, "The user's sister is called Anna."),
        remember(pipeline, "The user's sister is called Maria."),
    ]
    frozen = remember(pipeline, "The user loves jazz.")
    remember(pipeline, "The user really loves jazz.")
    with pipeline.db.transaction(pipeline.user()) as conn:
        conn.execute("UPDATE memories SET frozen = true WHERE id = %s", (frozen,))
    job, items = asleep(pipeline)
    assert "merge" not in job.counts
    assert all(row["status"] == "active" for row in state(pipeline))
    (found,) = [item for item in items if item.action == "contradiction"]
    assert {found.target_id, found.detail["to"]} == {str(i) for i in ids[:2]}
    assert asleep(pipeline)[1] == []


def test_a_fragment_goes_into_the_fuller_statement_of_its_turn(pipeline):
    (turn,) = turns(pipeline, "I planted tomatoes in the garden.")
    (other,) = turns(pipeline, "Tomatoes again.", session="s2", day=9)
    fragment = remember(pipeline, "The user planted tomatoes.", sources=[turn], type=MemoryType.EPISODE)
    fuller = remember(pipeline, "The user planted tomatoes in the garden.", sources=[turn], type=MemoryType.EPISODE)
    elsewhere = remember(pipeline, "The user planted some tomatoes.", sources=[other], type=MemoryType.EPISODE, day=9)
    asleep(pipeline)
    rows = {row["id"]: row for row in state(pipeline)}
    assert (rows[fragment]["status"], rows[fragment]["superseded_by"]) == ("merged", fuller)
    assert rows[elsewhere]["status"] == "active"


def test_a_run_out_of_time_keeps_what_it_did_and_goes_on_next_time(pipeline, twins):
    remember(pipeline, "The user plays the violin.")
    under(pipeline, deadline_seconds=1e-6)
    job, _ = asleep(pipeline)
    assert (job.state, job.counts["out_of_time"], job.counts["merge"]) == ("done", 1, 1)
    assert pipeline.rows("SELECT 1 FROM sleeps") == []
    under(pipeline, deadline_seconds=60.0)
    job, _ = asleep(pipeline)
    assert "out_of_time" not in job.counts
    assert len(pipeline.rows("SELECT 1 FROM sleeps")) == 1


def test_slices_of_no_length_come_to_the_same_end(pipeline, twins, monkeypatch):
    climbs(pipeline)
    _, shown = asleep(pipeline, dry_run=True)
    monkeypatch.setattr(sleep_stage, "SLICE_SECONDS", 0.0)
    _, done = asleep(pipeline)
    assert sorted(map(repr, done)) == sorted(map(repr, shown))
    assert len(shown) > 3


def test_the_night_wakes_only_those_whose_memories_changed(pipeline, twins):
    remember(pipeline, "The user loves tea.", user="bob")
    upkeep.sleep_users(pipeline.context)
    upkeep.sleep_users(pipeline.context)  # one at a time
    pipeline.run("job")
    assert {row["user_id"] for row in pipeline.rows("SELECT user_id FROM sleeps")} == {"ann"}  # as ann sees it
    upkeep.sleep_users(pipeline.context)
    with pipeline.db.transaction(pipeline.project) as conn:
        found = conn.execute("SELECT kind, state, created_by, done FROM jobs ORDER BY created_at").fetchall()
    assert [(row["state"], row["created_by"], row["done"]) for row in found] == [("done", "schedule", 2)]
    remember(pipeline, "The user loves coffee.", user="bob")
    upkeep.sleep_users(pipeline.context)
    pipeline.run("job")
    with pipeline.db.transaction(pipeline.project) as conn:
        found = conn.execute("SELECT done FROM jobs ORDER BY created_at").fetchall()
    assert [row["done"] for row in found] == [2, 1]


def test_what_was_brought_back_is_not_merged_again(pipeline, twins):
    _, gone, _ = twins
    asleep(pipeline)
    with pipeline.db.transaction(pipeline.user()) as conn:
        changes.lock_user(conn, pipeline.user())
        back = Move(MemoryStatus.ACTIVE, "state", "test", "key:test", clears=True)
        assert memory_states.move(conn, pipeline.user(), [gone], back) == [gone]
    asleep(pipeline)
    assert [row["status"] for row in state(pipeline)] == ["active"] * 3
