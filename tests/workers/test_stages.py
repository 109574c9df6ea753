"""The stream from event to point: extract, consolidate, index; each safe to run twice, broken off or out of order."""

from datetime import timedelta

import numpy as np
import pytest

from app.domain.event import EventState
from app.domain.keytext import key_text
from app.domain.lexical import query_vector
from app.domain.work import WorkKind
from app.index.protocol import IndexFilter, IndexQuery, IndexUnavailableError, PointKind, Signal
from app.storage import event_stages, points, unindex, vectors, work
from tests.support.index_oracle import by_signal
from tests.workers.conftest import START
from workers.extract import stage as extract_stage


def test_what_was_said_becomes_memories_and_points(pipeline):
    ids = pipeline.say("I moved to Lisbon in May 2025.", "My sister Maria is allergic to peanuts.", name="Anna")
    assert pipeline.run() >= 3
    assert [event.state for event in pipeline.events()] == [EventState.PROCESSED] * 2
    texts = [row["text"] for row in pipeline.rows("SELECT text FROM memories WHERE status = 'active'")]
    assert any("Lisbon" in text and "Anna" in text for text in texts), texts
    memory_ids = {row["id"] for row in pipeline.rows("SELECT id FROM memories")}
    assert set(pipeline.points()) == set(ids) | memory_ids
    assert pipeline.rows("SELECT 1 FROM work WHERE kind <> 'tidy'") == []


def test_every_point_carries_the_version_of_its_row(pipeline):
    pipeline.say("I work as a nurse in Porto.", "I like climbing.")
    pipeline.run()
    versions = {row["id"]: row["version"] for row in pipeline.rows("SELECT id, version FROM events")}
    versions |= {row["id"]: row["version"] for row in pipeline.rows("SELECT id, version FROM memories")}
    assert pipeline.points() == versions


def test_the_points_answer_by_meaning_by_word_and_by_neighbour(pipeline):
    ids = pipeline.say("I bought a xylophone.", "It sounds lovely.", "The weather is bad in Ghent.")
    pipeline.run()
    scope, index = pipeline.user(), pipeline.context.index
    hits = index.search(
        pipeline.context.collections.name(),
        IndexQuery(
            scope,
            dense=pipeline.context.encoder.encode_query("musical instrument"),
            text=query_vector("xylophone"),
            window=query_vector("xylophone"),
            filter=IndexFilter(kinds=frozenset({PointKind.EVENT})),
        ),
    )
    scores = by_signal(hits)
    assert max(scores, key=lambda i: scores[i].get(Signal.DENSE, 0)) == ids[0]
    assert {i for i, s in scores.items() if Signal.TEXT in s} == {ids[0]}
    assert {i for i, s in scores.items() if Signal.WINDOW in s} == {ids[0], ids[1]}


def test_a_later_turn_widens_the_window_of_the_one_before(pipeline):
    (first,) = pipeline.say("Nothing much today.")
    pipeline.run()
    before = pipeline.points()[first]
    pipeline.say("Except that the zeppelin landed.", at=START + timedelta(minutes=5))
    pipeline.run()
    assert pipeline.points()[first] > before
    stored = pipeline.rows("SELECT sparse_window FROM vectors WHERE target_id = %s", values=(first,))[0]
    assert set(query_vector("zeppelin").indices) <= set(
        np.frombuffer(stored["sparse_window"][: len(stored["sparse_window"]) // 2], dtype="<u4")
    )


def test_an_event_that_arrives_late_gets_its_place(pipeline):
    pipeline.say("alpha one", "gamma three")
    pipeline.run()
    pipeline.say("beta two", at=START + timedelta(seconds=30))
    pipeline.run()
    assert [event.content for event in pipeline.events()] == ["alpha one", "beta two", "gamma three"]
    assert {event.state for event in pipeline.events()} == {EventState.PROCESSED}
    windows = pipeline.rows(
        "SELECT e.content, v.sparse_window FROM events e JOIN vectors v ON v.target_id = e.id ORDER BY e.occurred_at"
    )
    beta = set(query_vector("beta").indices)
    for row in windows:
        terms = set(np.frombuffer(row["sparse_window"][: len(row["sparse_window"]) // 2], dtype="<u4"))
        assert beta <= terms, row["content"]


def test_a_long_session_is_read_in_runs(pipeline, monkeypatch):
    monkeypatch.setattr(extract_stage, "RUN_LIMIT", 8)
    pipeline.say(*(f"I visited town number {n}." for n in range(20)))
    assert pipeline.run(WorkKind.EXTRACT) == 3
    pipeline.run()
    assert {event.state for event in pipeline.events()} == {EventState.PROCESSED}


def test_extraction_that_runs_again_adds_nothing(pipeline):
    pipeline.say("I live in Ghent.", "I have two cats.")
    pipeline.run()
    before = pipeline.rows("SELECT id, event_ids, state FROM candidates ORDER BY id")
    assert before
    with pipeline.db.transaction(pipeline.user()) as conn:
        conn.execute("UPDATE events SET extracted_at = NULL, consolidated_at = NULL, state = 'pending'")
        work.enqueue(conn, pipeline.user(), WorkKind.EXTRACT, session_id="s1")
    pipeline.run()
    assert pipeline.rows("SELECT id, event_ids, state FROM candidates ORDER BY id") == before
    assert {event.state for event in pipeline.events()} == {EventState.PROCESSED}


def test_each_event_that_gave_nothing_says_why(pipeline):
    pipeline.say("ok", "What time is it?", "I play the cello.")
    pipeline.run()
    reasons = {event.content: event.skip_reason for event in pipeline.events()}
    assert reasons["ok"]
    assert reasons["What time is it?"]
    assert reasons["I play the cello."] is None


def test_a_broken_stage_leaves_nothing_behind(pipeline, monkeypatch):
    def broken(*_args):
        raise RuntimeError("segmenter broke")

    pipeline.say("I live in Ghent.")
    with monkeypatch.context() as patch:
        patch.setattr(extract_stage, "segment", broken)
        assert pipeline.runner.run_one([WorkKind.EXTRACT])
    assert pipeline.rows("SELECT 1 FROM vectors") == []
    assert pipeline.events()[0].state is EventState.PENDING
    (unit,) = pipeline.rows("SELECT state, attempts, error FROM work")
    assert (unit["state"], unit["attempts"]) == ("ready", 1)
    assert "segmenter broke" in unit["error"]
    make_due(pipeline)
    pipeline.run()
    assert pipeline.events()[0].state is EventState.PROCESSED


def make_due(pipeline):
    with pipeline.db.transaction(pipeline.user()) as conn:
        conn.execute("UPDATE work SET run_after = now()")


def test_a_poisoned_session_shows_as_failed_and_comes_back_on_retry(pipeline, monkeypatch):
    def broken(*_args):
        raise RuntimeError("always")

    pipeline.say("I live in Ghent.")
    with monkeypatch.context() as patch:
        patch.setattr(extract_stage, "extract", broken)
        for _ in range(work.MAX_ATTEMPTS):
            make_due(pipeline)
            pipeline.runner.run_one([WorkKind.EXTRACT])
    pipeline.say("I live in Bruges.", user="bob")
    pipeline.run()
    assert pipeline.events("bob")[0].state is EventState.PROCESSED
    assert pipeline.events()[0].state is EventState.FAILED
    with pipeline.db.transaction(pipeline.project) as conn:
        assert [row["state"] for row in conn.execute("SELECT state FROM jobs")] == ["failed"]
    with pipeline.db.transaction(pipeline.user()) as conn:
        assert event_stages.reopen_failed(conn, pipeline.user(), WorkKind.EXTRACT, session_id="s1") == 1
        work.enqueue(conn, pipeline.user(), WorkKind.EXTRACT, session_id="s1")
    pipeline.run()
    assert pipeline.events()[0].state is EventState.PROCESSED


class BrokenIndex:
    """An index whose writes fail."""

    def __getattr__(self, _name):
        def refuse(*_args, **_kwargs):
            raise IndexUnavailableError("down")

        return refuse


def test_with_the_index_down_everything_waits_and_nothing_dies(pipeline):
    pipeline.say("I live in Ghent.")
    broken = pipeline.with_index(BrokenIndex())
    broken.run()
    for _ in range(2 * work.MAX_ATTEMPTS):
        make_due(pipeline)
        broken.runner.run_one([WorkKind.INDEX])
    assert pipeline.rows("SELECT kind, state FROM work WHERE kind <> 'tidy'") == [{"kind": "index", "state": "ready"}]
    assert pipeline.events()[0].state is EventState.PENDING
    make_due(pipeline)
    pipeline.run()
    assert pipeline.events()[0].state is EventState.PROCESSED


def test_what_is_unindexed_leaves_the_index(pipeline):
    ids = pipeline.say("I live in Ghent.", "I have two cats.")
    pipeline.run()
    with pipeline.db.transaction(pipeline.user()) as conn:
        conn.execute("DELETE FROM events WHERE id = %s", (ids[0],))
        unindex.add(conn, pipeline.user(), [ids[0]])
        work.enqueue(conn, pipeline.user(), WorkKind.INDEX)
    pipeline.run()
    assert ids[0] not in pipeline.points()
    assert ids[1] in pipeline.points()
    assert pipeline.rows("SELECT 1 FROM unindex") == []


def test_a_row_that_changes_while_it_is_written_is_written_again(pipeline, monkeypatch):
    (event_id,) = pipeline.say("I live in Ghent.")
    pipeline.run(WorkKind.EXTRACT, WorkKind.CONSOLIDATE)
    write = pipeline.context.index.upsert
    meanwhile = []

    def slow(collection, scope, rows):
        write(collection, scope, rows)
        if not meanwhile:
            meanwhile.append(True)
            with pipeline.db.transaction(scope) as conn:
                event_stages.bump(conn, scope, [event_id])
                work.enqueue(conn, scope, WorkKind.INDEX)

    with monkeypatch.context() as patch:
        patch.setattr(pipeline.context.index, "upsert", slow)
        pipeline.run(WorkKind.INDEX)
    (row,) = pipeline.rows("SELECT version, indexed_version FROM events")
    assert row["version"] == row["indexed_version"] == pipeline.points()[event_id]


def test_users_with_the_same_session_ids_stay_apart(pipeline):
    for user, town in (("ann", "Ghent"), ("bob", "Bruges")):
        pipeline.say(f"I live in {town}.", user=user, session="default")
    pipeline.run()
    for user, own in (("ann", "Ghent"), ("bob", "Bruges")):
        texts = " ".join(row["text"] for row in pipeline.rows("SELECT text FROM memories", user))
        assert own in texts
        assert len(texts.split(".")) == 2
    assert not set(pipeline.points("ann")) & set(pipeline.points("bob"))


def test_vectors_come_back_as_they_went_in(pipeline):
    (event_id,) = pipeline.say("I live in Ghent.")
    pipeline.run(WorkKind.EXTRACT)
    model = pipeline.context.encoder.fingerprint
    with pipeline.db.transaction(pipeline.user()) as conn:
        stored = vectors.dense_of(conn, pipeline.user(), model, [event_id])[event_id]
        assert points.count(conn, pipeline.user()) == 1
    (expected,) = pipeline.context.encoder.encode([key_text(pipeline.events()[0])])
    assert float(stored @ expected) == pytest.approx(1.0, abs=1e-3)
