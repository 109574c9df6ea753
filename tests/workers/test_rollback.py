"""Rollback over real stages: what was known then comes back whole, and so does what was known before the rollback."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from app.domain.memory import Memory, MemoryStatus
from app.domain.query import Kind, Narrowing
from app.ledger import upkeep
from app.services import audit, jobs, memories, versions
from app.services.memories import MemoryChanges
from app.storage import work
from app.storage.audit_entries import AuditQuery
from app.storage.vectors import to_half
from tests.support.told import QUESTIONS, Told
from tests.workers.conftest import START, Pipeline


def as_known(listed: list[Memory], *without: set[UUID]) -> dict[UUID, Memory]:
    """What a version keeps of each memory, without those of `without`."""
    left_out = set().union(*without)
    return {
        m.id: replace(
            m, version=0, updated_at=START, superseded_by=None, keywords=(), tags=(), context="", stability=0,
            use_count=0, last_used_at=None, sources=(), occurred_at=START,
        )
        for m in listed
        if m.id not in left_out
    }  # fmt: skip


KINDS = ("say", "say", "say", "patch", "remind", "judge", "delete", "archive", "restore")
ACTS = st.lists(
    st.tuples(st.sampled_from(KINDS), st.integers(0, 99)),
    min_size=4, max_size=9,
)  # fmt: skip


def check(pipeline: Pipeline, acts: list[tuple[str, int]], chosen: int) -> None:
    told = Told(pipeline, f"u-{uuid4().hex[:8]}")
    for act, number in acts:
        told.do(act, number)
    pipeline.settle()
    at, then = told.known[chosen % len(told.known)]
    before = told.list(status=None)
    _, foreseen = told.roll_back(at, dry_run=True)
    assert as_known(told.list(status=None)) == as_known(before)
    job, items = told.roll_back(at)
    assert [(i.target_id, i.action, i.detail) for i in items] == [(i.target_id, i.action, i.detail) for i in foreseen]

    # The list of the present is the `known_at` view, which is what was seen then, without what was deleted since.
    now = [memory for memory in told.list(status=None) if not told.hidden(memory)]
    kept = {UUID(item.target_id) for item in items if item.action == "keep"}
    assert kept <= told.private
    assert as_known(now, kept) == as_known(told.list(status=None, known_at=at), kept)
    assert as_known(now, kept) == as_known(then, kept, told.erased)
    pipeline.settle()
    # Recall answers from the same memories. Turns that came later would be shown, too, so they are left out of both.
    until = START + timedelta(days=chosen % len(told.known) + 1, hours=12)
    for question in QUESTIONS:
        asked = told.recalled(question, narrowing=Narrowing(known_at=at, occurred_to=until))
        assert told.recalled(question, narrowing=Narrowing(occurred_to=until)) == asked

    # And the rollback rolled back is the view before it.
    if "undo_known_at" in job.counts:
        told.roll_back(datetime.fromisoformat(job.counts["undo_known_at"]))
    assert as_known(told.list(status=None)) == as_known(before)


@given(acts=ACTS, chosen=st.integers(0, 99))
@settings(max_examples=6, deadline=None, derandomize=True, phases=[Phase.generate],
          suppress_health_check=list(HealthCheck))  # fmt: skip
def test_a_rollback_is_the_view_of_that_time(pipeline, acts, chosen):
    check(pipeline, acts, chosen)


@pytest.mark.long
@given(acts=ACTS, chosen=st.integers(0, 99))
@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
def test_many_rollbacks_are_the_views_of_their_times(pipeline, acts, chosen):
    check(pipeline, acts, chosen)


@pytest.fixture
def told(pipeline):
    return Told(pipeline, "ann")


def test_turns_that_came_after_stay_and_are_recalled(told):
    told.do("say", 3)
    at = told.known[-1][0]
    told.do("say", 7)
    told.pipeline.settle()
    events = told.pipeline.events()
    job, items = told.roll_back(at)
    told.pipeline.settle()
    assert [(item.action, item.reason) for item in items] == [("hide", "not_known_then")]
    assert (job.counts["hide"], job.done, job.total) == (1, 1, 1)
    assert told.pipeline.events() == events
    answer = told.pipeline.ask("What does the user love?", narrowing=Narrowing(as_of=START + timedelta(days=30)))
    assert {item.kind for item in answer.items if "hiking" in item.text} == {Kind.EVENT}
    assert [m.text for m in told.list(status=MemoryStatus.ACTIVE)] == ["The user is allergic to peanuts."]


def test_what_is_said_again_is_known_again(told):
    told.do("say", 3)
    at = told.known[-1][0]
    told.do("say", 7)
    told.roll_back(at)
    told.do("say", 7)
    assert [m.text for m in told.list(status=MemoryStatus.ACTIVE)] == [
        "The user is allergic to peanuts.",
        "The user loves hiking.",
    ]


def test_two_that_changed_places_change_back(told):
    told.do("say", 3)
    told.do("say", 7)
    pipeline, scope = told.pipeline, told.pipeline.user()
    one, two = told.list(status=None)
    at = told.known[-1][0]
    for memory, text in ((one, "The user is here."), (two, one.text), (one, two.text)):
        encoded = memories.encode(pipeline.context.encoder, text)
        wanted = MemoryChanges(frozenset({"text"}), text=text)
        with pipeline.db.transaction(scope) as conn:
            memories.patch(conn, scope, memory.id, wanted, encoded, versions=None, actor="key:test")
    _, items = told.roll_back(at)
    assert {item.target_id for item in items} == {str(one.id), str(two.id)}
    assert [m.text for m in told.list(status=MemoryStatus.ACTIVE)] == [one.text, two.text]
    dense = {row["target_id"]: row["dense"] for row in pipeline.rows("SELECT target_id, dense FROM vectors")}
    for memory in (one, two):
        assert dense[memory.id] == to_half(memories.encode(pipeline.context.encoder, memory.text).dense)


def test_a_slice_that_was_killed_after_its_work_is_not_done_twice(told):
    told.do("say", 3)
    at = told.known[-1][0]
    told.do("say", 7)
    job, items = told.roll_back(at)
    told.do("say", 0)
    with told.pipeline.db.transaction(told.pipeline.project) as conn:
        conn.execute("UPDATE jobs SET state = 'running', counts = '{}' WHERE id = %s", (job.id,))
        work.enqueue(conn, told.pipeline.project, "job", key=str(job.id))
    before = told.list(status=None)
    told.pipeline.run()
    assert told.list(status=None) == before
    with told.pipeline.db.transaction(told.pipeline.project) as conn:
        again = jobs.get(conn, told.pipeline.project, job.id)
        assert len(jobs.items(conn, told.pipeline.project, job.id, action=None, after=0, limit=9)) == len(items)
    assert (again.state, again.counts) == ("done", job.counts)


def test_the_history_names_the_words_the_job_and_the_successor(told):
    told.do("say", 0)
    at = told.known[-1][0]
    told.do("say", 1)
    told.roll_back(at)
    scope = told.pipeline.user()
    old, new = told.list(status=None)
    with told.pipeline.db.transaction(scope) as conn:
        _, superseded, rolled = versions.history(conn, scope, old.id, after=0, limit=9)
        added, hidden = versions.history(conn, scope, new.id, after=0, limit=9)
    turns = [event.id for event in told.pipeline.events()]
    assert (superseded.version.change, superseded.cause.memory_id) == ("supersede", new.id)
    assert superseded.cause.event_ids == added.cause.event_ids == (turns[1],)
    assert superseded.cause.candidate_id == added.cause.candidate_id is not None
    assert "status" in {change.field for change in superseded.changes}
    assert rolled.cause.job_id == hidden.cause.job_id is not None
    assert hidden.version.change == rolled.version.change == "rollback"


def test_the_schedule_seals_what_the_pipeline_did(told):
    told.do("say", 0)
    told.do("say", 1)
    upkeep.seal_audit(told.pipeline.context)
    project = told.pipeline.project
    with told.pipeline.db.transaction(project) as conn:
        found = audit.page(conn, project, AuditQuery(actor="pipeline"))
        checked, _ = audit.check(conn, project, 0)
    assert sorted(entry.action for entry in found) == ["add", "add", "supersede"]
    assert all(entry.candidate_id and entry.seq for entry in found)
    assert (checked.seals, checked.breaks) == (len(found), [])
