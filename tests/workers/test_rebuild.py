"""The reindex job and maintenance: a fresh collection while others write, resumed after a kill, drift found."""

from dataclasses import replace
from uuid import uuid4

import pytest

from app.clock import new_id
from app.domain.event import EventState
from app.domain.scope import ProjectScope, UserScope
from app.domain.work import WorkKind
from app.index.protocol import IndexPoint, PointKind
from app.ledger import rebuild, upkeep
from app.ledger.reembed import reembed
from app.services.collections import OtherModelError, check_model, ensure_live, read_targets
from app.storage import jobs, schedules, work
from tests.workers.conftest import START

USERS = ("ann", "bob", "cid")


@pytest.fixture
def filled(pipeline):
    for user in USERS:
        pipeline.say("I live in Ghent.", "I have two cats.", "I play the cello.", user=user)
    pipeline.run()
    return pipeline


def start(pipeline, **options):
    job_id = new_id()
    with pipeline.db.transaction(pipeline.project) as conn:
        jobs.insert(
            conn, pipeline.project, job_id, "reindex", {}, dry_run=options.get("dry_run", False), created_by="t"
        )
        work.enqueue(conn, pipeline.project, WorkKind.REINDEX, key=str(job_id))
    return job_id


def job(pipeline, job_id):
    with pipeline.db.transaction(pipeline.project) as conn:
        return jobs.get(conn, pipeline.project, job_id)


def held(pipeline):
    return {user: pipeline.points(user) for user in USERS}


def test_a_rebuild_gives_the_same_points_in_a_fresh_collection(filled, monkeypatch):
    monkeypatch.setattr(rebuild, "TTL_SECONDS", 0.0)
    before, old = held(filled), filled.context.collections.name()
    job_id = start(filled)
    filled.run()
    done = job(filled, job_id)
    assert (done.state, done.error) == ("done", None)
    assert done.done == done.total == sum(len(points) for points in before.values())
    assert filled.context.collections.name() != old
    assert held(filled) == before
    assert filled.context.index.collections() == [filled.context.collections.name()]
    assert [c.name for c in read_targets(filled.db).writable] == filled.context.index.collections()


@pytest.mark.parametrize("number", ["007e", "0000"], ids=["not a number", "zero"])
def test_a_vector_without_direction_stops_neither_a_rebuild_nor_the_index(filled, monkeypatch, number):
    """An erasure is complete when the index was rebuilt: nobody's vector may stand in the way of everybody's."""
    monkeypatch.setattr(rebuild, "TTL_SECONDS", 0.0)
    with filled.db.transaction(filled.user("ann")) as conn:
        broken = "decode(repeat(%s, dimension), 'hex')"
        conn.execute(f"UPDATE vectors SET dense = {broken} WHERE user_id = 'ann'", (number,))
    job_id = start(filled)
    filled.run()
    assert (job(filled, job_id).state, job(filled, job_id).error) == ("done", None)
    filled.say("I play the harp.", user="ann")
    filled.run()
    assert [event.state for event in filled.events("ann")] == [EventState.PROCESSED] * 4
    assert set(held(filled)) == set(USERS)


def test_a_rebuild_that_was_killed_goes_on_where_it_was(filled, monkeypatch):
    monkeypatch.setattr(rebuild, "TTL_SECONDS", 0.0)
    monkeypatch.setattr(rebuild, "SLICE_SECONDS", 0.0)
    monkeypatch.setattr(rebuild, "fill_user", lambda *_args: 1)
    job_id = start(filled)
    runs = 0
    while runs < 2 and filled.runner.run_one([WorkKind.REINDEX]):
        runs += 1
    part = job(filled, job_id)
    assert part.state == "running"
    name = part.counts["collection"]
    monkeypatch.undo()
    monkeypatch.setattr(rebuild, "TTL_SECONDS", 0.0)
    filled.run()
    assert job(filled, job_id).state == "done"
    assert filled.context.collections.name() == name
    assert job(filled, job_id).counts["repaired"] > 0  # what the faked slices left out was found and written
    assert all(filled.points(user) for user in USERS)


def test_what_changes_during_a_rebuild_is_in_both_collections(filled, monkeypatch):
    monkeypatch.setattr(rebuild, "TTL_SECONDS", 0.0)
    monkeypatch.setattr(rebuild, "SLICE_SECONDS", 0.0)
    job_id = start(filled)
    filled.runner.run_one([WorkKind.REINDEX])
    (new,) = filled.say("I bought a xylophone.", user="ann", at=START.replace(day=2))
    filled.run(WorkKind.EXTRACT, WorkKind.CONSOLIDATE, WorkKind.INDEX)
    assert new in filled.points("ann")
    filled.run()
    assert job(filled, job_id).state == "done"
    assert new in filled.points("ann")
    assert {event.state for event in filled.events("ann")} == {EventState.PROCESSED}


def test_two_jobs_at_once_and_one_that_failed_leave_one_collection(filled, monkeypatch):
    monkeypatch.setattr(rebuild, "TTL_SECONDS", 0.0)
    monkeypatch.setattr(rebuild, "SLICE_SECONDS", 0.0)
    before = held(filled)
    abandoned = start(filled)
    filled.runner.run_one([WorkKind.REINDEX])
    with filled.db.transaction(filled.project) as conn:
        conn.execute("DELETE FROM work WHERE key = %s", (str(abandoned),))
    both = [start(filled), start(filled)]
    filled.run()
    assert [job(filled, job_id).state for job_id in both] == ["done", "done"]
    assert filled.context.index.collections() == [filled.context.collections.name()]
    assert [c.name for c in read_targets(filled.db).writable] == filled.context.index.collections()
    assert held(filled) == before


def test_a_dry_run_changes_nothing(filled):
    before = filled.context.collections.name()
    job_id = start(filled, dry_run=True)
    filled.run()
    done = job(filled, job_id)
    assert (done.state, done.counts) == ("done", {"total": sum(len(p) for p in held(filled).values())})
    assert read_targets(filled.db).live.name == before
    assert len(filled.context.index.collections()) == 1


def test_drift_is_found_and_repaired_in_both_directions(filled):
    before = held(filled)
    scope, index = filled.user("ann"), filled.context.index
    name = filled.context.collections.name()
    lost = next(iter(before["ann"]))
    index.delete(name, scope, [lost])
    phantom = IndexPoint(uuid4(), PointKind.EVENT, 1, "s1", None, None, "user", START, START, None, None, None)
    index.upsert(name, scope, [phantom])
    upkeep.check_drift(filled.context)
    filled.run()
    assert held(filled) == before
    assert upkeep.repair_user(filled.context, scope) == 0


def test_an_index_whose_files_are_gone_is_filled_again(filled):
    before = held(filled)
    filled.context.index.drop(filled.context.collections.name())
    upkeep.check_drift(filled.context)
    filled.run()
    assert held(filled) == before


def test_collections_that_nobody_knows_are_dropped(filled):
    filled.context.index.ensure("mneme_forgotten_7", 384)
    upkeep.drop_collections(filled.context)
    assert filled.context.index.collections() == [filled.context.collections.name()]


class OtherEncoder:
    """The same model under another name, as after a change of EMBEDDING_MODEL."""

    fingerprint = "other_model_384"
    dimension = 384

    def __init__(self, encoder):
        self._encoder = encoder

    def encode(self, texts):
        return self._encoder.encode(texts)


def test_another_model_is_refused_and_reembedding_accepts_it(filled):
    other = OtherEncoder(filled.context.encoder)
    with pytest.raises(OtherModelError, match="mneme reindex --embed"):
        check_model(filled.db, other)
    with pytest.raises(OtherModelError):
        ensure_live(filled.db, filled.context.index, other)
    before = held(filled)
    context = replace(filled.context, encoder=other)
    seen = []
    counts = reembed(context, lambda done, total: seen.append((done, total)))
    assert counts.embedded == counts.points == sum(len(points) for points in before.values())
    assert seen[-1] == (counts.points, counts.points)
    check_model(filled.db, other)
    assert read_targets(filled.db).live.model == other.fingerprint
    assert held(filled) == before
    assert {row["model"] for row in filled.rows("SELECT DISTINCT model FROM vectors")} == {other.fingerprint}
    assert reembed(context, lambda *_: None).embedded == 0


def test_two_takers_of_a_schedule_run_it_once(pipeline):
    with pipeline.db.transaction(None) as conn:
        schedules.ensure(conn, {"check_drift": 3600})
        assert schedules.take(conn, ["check_drift"]) is None  # first due one period from now
        conn.execute("UPDATE schedules SET next_run_at = now() - interval '10 s'")
        assert schedules.take(conn, ["check_drift"], overdue=60) is None
    with pipeline.db.transaction(None) as one, pipeline.db.transaction(None) as two:
        assert schedules.take(one, ["check_drift"]) == "check_drift"
        assert schedules.take(two, ["check_drift"]) is None
    with pipeline.db.transaction(None) as conn:
        assert schedules.next_in(conn) > 3500


def test_old_idempotency_keys_go_from_every_project(pipeline):
    other = ProjectScope(uuid4())
    insert = (
        "INSERT INTO idempotency_keys (project_id, api_key_id, key, request_hash, status, body, created_at)"
        " VALUES (%s, 'k', %s, '', 200, '', now() - make_interval(hours => %s))"
    )
    with pipeline.db.transaction(other) as conn:
        conn.execute("INSERT INTO projects (id, name) VALUES (%s, 'other')", (other.project_id,))
    for scope in (pipeline.project, other):
        with pipeline.db.transaction(scope) as conn:
            conn.execute(insert, (scope.project_id, "old", 25))
            conn.execute(insert, (scope.project_id, "new", 23))
    upkeep.expire_idempotency_keys(pipeline.context)
    for scope in (pipeline.project, other):
        with pipeline.db.transaction(scope) as conn:
            assert [row["key"] for row in conn.execute("SELECT key FROM idempotency_keys")] == ["new"]


def test_a_maintenance_run_that_fails_is_counted_and_harms_nobody(pipeline, monkeypatch):
    def broken(_context):
        raise RuntimeError("no")

    monkeypatch.setitem(upkeep.RUN, "check_drift", broken)
    with pipeline.db.transaction(None) as conn:
        schedules.ensure(conn, upkeep.SCHEDULES)
        conn.execute("UPDATE schedules SET next_run_at = now()")
    assert upkeep.run_due(pipeline.context, pipeline.runner) == len(upkeep.NEEDS_INDEX)
    assert b'mneme_schedules_total{name="check_drift",outcome="failed"} 1.0' in pipeline.context.metrics.render()


def test_a_scope_is_needed_to_see_anything(filled):
    stranger = UserScope(uuid4(), "ann")
    with filled.db.transaction(stranger) as conn:
        assert conn.execute("SELECT 1 FROM vectors").fetchall() == []
