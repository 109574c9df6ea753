"""Erasures beside jobs: what a job decided before one is not written after it, and no job keeps a user's name."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from app.domain.cubes import Selection
from app.domain.job import Slice
from app.domain.work import WorkKind
from app.errors import NotFoundError
from app.ledger.lease import Lease
from app.services import jobs, memories, snapshots, versions
from app.services.versions import Wanted
from app.storage import job_progress, lifecycle, work
from app.storage.tombstones import ErasedMeanwhileError
from tests.support.cubes import ALL_PARTS, export, store
from tests.workers.erased import CANARY, erase_event, erase_user, later, settle, tables_with, texts, verify
from workers.lifecycle import decay, rollback
from workers.maintain import cube_taking, cubes

WAITS = 1.5  # seconds in which an erasure would be over that nobody holds up


def asked(pipeline, kind: str, *, dry_run: bool = False, **about) -> UUID:
    with pipeline.db.transaction(pipeline.project) as conn:
        return jobs.create(conn, pipeline.project, uuid4(), kind, about, dry_run=dry_run, actor="test").id


def claimed(pipeline, kind: WorkKind):
    with pipeline.db.transaction(None) as conn:
        (item,) = work.claim(conn, [kind], 1, 60)
    return item


def found(pipeline, job_id: UUID):
    with pipeline.db.transaction(pipeline.project) as conn:
        return jobs.get(conn, pipeline.project, job_id)


def run(pipeline, handler, job_id: UUID):
    item = claimed(pipeline, WorkKind.JOB)
    return handler(pipeline.context, pipeline.project, found(pipeline, job_id), Lease(item, 1e12, 60))


def now(pipeline):
    with pipeline.db.transaction(pipeline.user()) as conn:
        return snapshots.now(conn)


@pytest.mark.parametrize(
    "about",
    [{"user_id": "ann"}, {"user_id": "ben", "to_user_id": "ann"}, {"user_ids": ["ben", "ann"], "into": "cleo"}],
)
def test_a_job_that_ends_after_the_erasure_of_its_user_names_them_no_more(pipeline, about):
    pipeline.say("Hello.")
    settle(pipeline)
    job_id = asked(pipeline, "decay", **about)
    item = claimed(pipeline, WorkKind.JOB)
    receipt = erase_user(pipeline)
    assert found(pipeline, job_id).scope == about, "it is still at work"
    with pipeline.db.transaction(pipeline.project) as conn:
        job_progress.note(conn, pipeline.project, job_id, Slice(1, 1, {}, {"user": "ann"}, finished=True))
        job_progress.unname(conn, pipeline.project, job_id)
        work.complete(conn, item)
    assert (found(pipeline, job_id).scope, found(pipeline, job_id).resume) == ({}, {})
    settle(pipeline)
    assert verify(pipeline, receipt) == {}


def test_the_job_stage_itself_unnames_what_it_ends(pipeline):
    pipeline.say("Hello.")
    settle(pipeline)
    job_id = asked(pipeline, "decay", user_id="ann")
    erase_user(pipeline)
    settle(pipeline)
    assert (found(pipeline, job_id).state, found(pipeline, job_id).scope) == ("done", {})


def test_a_job_of_a_later_user_of_the_name_keeps_it(pipeline):
    pipeline.say("Hello.")
    settle(pipeline)
    erase_user(pipeline)
    job_id = asked(pipeline, "decay", user_id="ann")
    settle(pipeline)
    assert (found(pipeline, job_id).state, found(pipeline, job_id).scope) == ("done", {"user_id": "ann"})


@pytest.mark.parametrize("kind", [WorkKind.JOB, WorkKind.INDEX])
def test_a_unit_that_dies_after_the_erasure_leaves_a_job_without_the_name(pipeline, kind):
    pipeline.say("Hello.")
    settle(pipeline)
    job_id = asked(pipeline, "decay", user_id="ann") if kind is WorkKind.JOB else uuid4()
    if kind is WorkKind.INDEX:
        with pipeline.db.transaction(pipeline.user()) as conn:
            work.enqueue(conn, pipeline.user(), WorkKind.INDEX)
    item = claimed(pipeline, kind)
    erase_user(pipeline)
    with pipeline.db.transaction(item.scope) as conn:
        work.kill(conn, item, "ann broke it", job_id=job_id)
    assert (found(pipeline, job_id).scope, found(pipeline, job_id).error) == ({}, "erased")


def test_a_job_that_is_ending_while_its_user_is_erased_is_waited_for(pipeline):
    pipeline.say("Hello.")
    settle(pipeline)
    job_id = asked(pipeline, "decay", user_id="ann")
    with ThreadPoolExecutor(1) as pool:
        with pipeline.db.transaction(pipeline.project) as conn:
            job_progress.note(conn, pipeline.project, job_id, Slice(1, 1, {}, finished=True))
            job_progress.unname(conn, pipeline.project, job_id)  # sees no tombstone yet
            erasure = pool.submit(erase_user, pipeline)
            with pytest.raises(TimeoutError):
                erasure.result(WAITS)
        erasure.result(30)
    assert found(pipeline, job_id).scope == {}


def test_the_place_of_a_job_over_all_users_names_nobody_who_is_erased(pipeline):
    pipeline.say("Hello.")
    settle(pipeline)
    failed, ended = asked(pipeline, "decay"), asked(pipeline, "decay")
    with pipeline.db.transaction(pipeline.project) as conn:
        job_progress.note(conn, pipeline.project, failed, Slice(1, 2, {}, {"after": "ann"}))
        conn.execute("UPDATE jobs SET state = 'failed' WHERE id = %s", (failed,))
        job_progress.note(conn, pipeline.project, ended, Slice(2, 2, {}, {"after": "ann"}, finished=True))
    erase_user(pipeline)
    assert (found(pipeline, failed).resume, found(pipeline, ended).resume) == ({}, {})


@pytest.mark.parametrize("dry_run", [False, True])
def test_an_erasure_waits_for_a_sweep_that_has_decided_and_takes_what_it_noted(pipeline, monkeypatch, dry_run):
    pipeline.say("I visited the museum today.")
    settle(pipeline)
    old = pipeline.later(timedelta(days=400))
    job_id = asked(pipeline, "decay", dry_run=dry_run, user_id="ann")
    read, waited = lifecycle.kept, []
    with ThreadPoolExecutor(1) as pool:

        def decided(conn, scope):
            kept = read(conn, scope)
            waited.append(pool.submit(erase_user, pipeline))
            with pytest.raises(TimeoutError):
                waited[0].result(WAITS)
            return kept

        monkeypatch.setattr(lifecycle, "kept", decided)
        assert run(old, decay.run, job_id).counts.get("archive", 0) == 1
        waited[0].result(30)
    assert not pipeline.rows("SELECT 1 FROM job_items UNION ALL SELECT 1 FROM memories")


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_rollback_that_was_planned_before_an_erasure_is_planned_anew(pipeline, private, monkeypatch, dry_run):
    (event, _) = pipeline.say(f"I live in {CANARY}.", "I play the cello.")
    settle(pipeline)
    then = now(pipeline)
    pipeline.say("I live in Oslo.", session="s2", at=later(1))
    settle(pipeline)
    job_id = asked(pipeline, "rollback", dry_run=dry_run, user_id="ann", known_at=then.isoformat())
    texts_of = snapshots.texts

    def erased_first(planned):
        monkeypatch.setattr(snapshots, "texts", texts_of)
        erase_event(pipeline, event)
        return texts_of(planned)

    monkeypatch.setattr(snapshots, "texts", erased_first)
    with pytest.raises(ErasedMeanwhileError):
        run(pipeline, rollback.run, job_id)
    assert not pipeline.rows("SELECT 1 FROM job_items")
    with pipeline.db.transaction(pipeline.project) as conn:
        conn.execute("UPDATE work SET state = 'ready', run_after = now(), lease_until = NULL WHERE kind = 'job'")
    settle(pipeline)
    assert found(pipeline, job_id).state == "done"
    assert tables_with(private, CANARY) == set()


def test_a_rollback_from_before_the_erasure_leaves_the_next_user_of_the_name_alone(pipeline):
    pipeline.say("I play the cello.")
    settle(pipeline)
    job_id = asked(pipeline, "rollback", user_id="ann", known_at=now(pipeline).isoformat())
    item = claimed(pipeline, WorkKind.JOB)
    erase_user(pipeline)
    pipeline.say("I live in Oslo.")
    settle(pipeline)
    outcome = rollback.run(pipeline.context, pipeline.project, found(pipeline, job_id), Lease(item, 1e12, 60))
    assert outcome.finished
    assert texts(pipeline) == ["The user lives in Oslo."]


@pytest.mark.parametrize("whole", [False, True])
def test_a_version_that_was_read_before_an_erasure_is_not_restored_after_it(pipeline, private, whole):
    (event, _) = pipeline.say(f"I live in {CANARY}.", "I play the cello.")
    settle(pipeline)
    (memory,) = pipeline.rows("SELECT id FROM memories WHERE text LIKE %s", values=[f"%{CANARY}%"])
    with pipeline.db.transaction(pipeline.user()) as conn:
        old = versions.find(conn, pipeline.user(), memory["id"], 1)
    encoded = memories.encode(pipeline.context.encoder, old.text)
    if whole:
        erase_user(pipeline)
    else:
        erase_event(pipeline, event)
    with pipeline.db.transaction(pipeline.user()) as conn, pytest.raises(NotFoundError):
        versions.restore(conn, pipeline.user(), Wanted(memory["id"], 1, None, "key:test"), encoded)
    settle(pipeline)
    assert tables_with(private, CANARY) == set()


def test_a_clone_that_read_before_the_erasure_keeps_nothing_of_it(pipeline, private, monkeypatch):
    pipeline.say(f"I live in {CANARY}.")
    settle(pipeline)
    job_id = asked(pipeline, "clone", user_id="ann", to_user_id="ben")
    whole = cubes._whole

    def read(context, what):
        yield from whole(context, what)
        erase_user(pipeline)

    monkeypatch.setattr(cubes, "_whole", read)
    with pytest.raises(ErasedMeanwhileError):
        run(pipeline, cubes.clone, job_id)
    monkeypatch.undo()
    with pipeline.db.transaction(pipeline.project) as conn:
        conn.execute("UPDATE work SET state = 'ready', run_after = now(), lease_until = NULL WHERE kind = 'job'")
    settle(pipeline)
    assert found(pipeline, job_id).state == "done"
    assert tables_with(private, CANARY) == set()


def test_a_file_that_was_accepted_before_the_erasure_is_not_taken_after_it(pipeline, private, monkeypatch):
    pipeline.say(f"I live in {CANARY}.", user="ben")
    settle(pipeline)
    lines = export(pipeline.context, pipeline.user("ben"))
    erase_user(pipeline, "ben")
    pipeline.say("Hello.")
    settle(pipeline)
    job_id = store(pipeline.context, pipeline.user(), lines)
    locked = cube_taking.changes.lock_user

    def erased_first(conn, scope):
        monkeypatch.setattr(cube_taking.changes, "lock_user", locked)
        erase_user(pipeline)
        pipeline.run("job")  # to the end of its sweep
        return locked(conn, scope)

    monkeypatch.setattr(cube_taking.changes, "lock_user", erased_first)
    run(pipeline, cubes.import_file, job_id)
    settle(pipeline)
    assert tables_with(private, CANARY) == set()


def test_vectors_of_an_import_that_were_made_before_an_erasure_are_not_written_after_it(pipeline, monkeypatch):
    pipeline.say(f"I live in {CANARY}.")
    settle(pipeline)
    lines = export(pipeline.context, pipeline.user(), Selection(parts=ALL_PARTS - {"vectors"}))
    job_id = store(pipeline.context, pipeline.user("ben"), lines)
    encode, made = pipeline.context.encoder.encode, []

    def erased_first(_, texts):
        made.append(texts)
        erase_user(pipeline, "ben")
        return encode(texts)

    monkeypatch.setattr(type(pipeline.context.encoder), "encode", erased_first)
    with pytest.raises(ErasedMeanwhileError):
        run(pipeline, cubes.import_file, job_id)
    assert made
    assert not pipeline.rows("SELECT 1 FROM vectors", "ben")
