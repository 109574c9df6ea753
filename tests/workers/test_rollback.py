"""Rollback over real stages: what was known then comes back whole, and so does what was known before the rollback."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from app.domain.erasure import TargetKind
from app.domain.feedback import FeedbackSignal
from app.domain.memory import Memory, MemoryStatus
from app.domain.query import Kind, Narrowing
from app.ledger import upkeep
from app.services import audit, feedback, jobs, memories, snapshots, versions
from app.services.feedback import Said
from app.services.memories import MemoryChanges, SameTextError
from app.services.versions import Wanted
from app.storage import memories as store
from app.storage import memory_states, work
from app.storage.audit_entries import AuditQuery
from app.storage.memories import MemoryQuery
from app.storage.memory_states import Move
from app.storage.vectors import to_half
from tests.support.erasing import KEY, order
from tests.workers.conftest import START, Pipeline

SAYINGS = (
    "I live in Warsaw.",
    "I moved to Porto last Friday.",
    "My sister Anna is a teacher in Porto.",
    "I am allergic to peanuts.",
    "By the way, I am allergic to peanuts.",
    "My dentist appointment is on 3 June.",
    "No, I meant 4 June.",
    "I love hiking.",
    "Scrap that.",
    "We use Jenkins at work.",
    "Jenkins is switched off, we use GitHub Actions now.",
)
TEXTS = ("The user lives in Lisbon.", "The user loves hiking.", "The user owns a green bicycle.")
QUESTIONS = ("Where does the user live?", "What is the user allergic to?")


@dataclass
class Told:
    """One user whose memories change, with what was known after each act."""

    pipeline: Pipeline
    user: str
    day: int = 0
    known: list[tuple[datetime, list[Memory]]] = field(default_factory=list)
    private: set[UUID] = field(default_factory=set)
    erased: set[UUID] = field(default_factory=set)

    def do(self, act: str, number: int) -> None:
        """One act; what it is about is chosen among what there is."""
        self.day += 1
        if act == "say":
            said = SAYINGS[number % len(SAYINGS)]
            self.pipeline.say(said, user=self.user, session=f"s{self.day}", at=START + timedelta(days=self.day))
            self.pipeline.run()
        else:
            there = self.list(status=None)
            if there:
                getattr(self, act)(there[number % len(there)], number)
        with self.pipeline.db.transaction(self.pipeline.user(self.user)) as conn:
            at = snapshots.now(conn)
        self.known.append((at, self.list(status=None)))

    def patch(self, memory: Memory, number: int) -> None:
        text = TEXTS[number % len(TEXTS)]
        wanted = MemoryChanges(frozenset({"text", "metadata"}), text=text, metadata={"n": number})
        encoded = memories.encode(self.pipeline.context.encoder, text)
        scope = self.pipeline.user(self.user)
        try:
            with self.pipeline.db.transaction(scope) as conn:
                memories.patch(conn, scope, memory.id, wanted, encoded, versions=None, actor="key:test")
        except SameTextError:
            return

    def judge(self, memory: Memory, number: int) -> None:
        signal = (FeedbackSignal.WRONG, FeedbackSignal.OUTDATED, FeedbackSignal.HELPFUL, FeedbackSignal.PRIVATE)[
            number % 4
        ]
        scope = self.pipeline.user(self.user)
        with self.pipeline.db.transaction(scope) as conn:
            feedback.give(conn, scope, memory.id, Said(uuid4(), signal), START, actor="key:test")
        if signal is FeedbackSignal.PRIVATE:
            self.private.add(memory.id)

    def delete(self, memory: Memory, _number: int) -> None:
        scope = self.pipeline.user(self.user)
        with self.pipeline.db.transaction(scope) as conn:
            memories.delete(conn, scope, memory.id, order(TargetKind.MEMORY, memory.id), KEY, versions=None)
        self.erased.add(memory.id)

    def archive(self, memory: Memory, _number: int) -> None:
        scope = self.pipeline.user(self.user)
        with self.pipeline.db.transaction(scope) as conn:
            move = Move(MemoryStatus.ARCHIVED, "state", "by hand", "key:test")
            memory_states.move(conn, scope, [memory.id], move)
            work.enqueue(conn, scope, "index")

    def restore(self, memory: Memory, number: int) -> None:
        scope = self.pipeline.user(self.user)
        number = number % memory.version + 1
        try:
            with self.pipeline.db.transaction(scope) as conn:
                old = versions.find(conn, scope, memory.id, number)
            encoded = memories.encode(self.pipeline.context.encoder, old.text)
            with self.pipeline.db.transaction(scope) as conn:
                versions.restore(conn, scope, Wanted(memory.id, number, None, "key:test"), encoded)
        except SameTextError:
            return

    def list(self, *, status: MemoryStatus | None, known_at: datetime | None = None) -> list[Memory]:
        scope = self.pipeline.user(self.user)
        with self.pipeline.db.transaction(scope) as conn:
            return store.page(conn, scope, MemoryQuery(status=status, known_at=known_at, limit=1000))

    def roll_back(self, to: datetime, *, dry_run: bool = False):
        """Run the job; answers it with its items."""
        pipeline = self.pipeline
        about = {"user_id": self.user, "known_at": to.isoformat()}
        with pipeline.db.transaction(pipeline.project) as conn:
            job = jobs.create(conn, pipeline.project, uuid4(), "rollback", about, dry_run=dry_run, actor="key:test")
        pipeline.run()
        with pipeline.db.transaction(pipeline.project) as conn:
            done = jobs.get(conn, pipeline.project, job.id)
            items = jobs.items(conn, pipeline.project, job.id, action=None, after=0, limit=1000)
        assert done.state == "done", done.error
        return done, [item for _, item in items]

    def hidden(self, memory: Memory) -> bool:
        return memory.status is MemoryStatus.INVALIDATED and memory.live_until == memory.live_from

    def recalled(self, question: str, **view) -> set[tuple[UUID, str]]:
        answer = self.pipeline.ask(question, user=self.user, limit=50, **view)
        return {(item.id, item.text) for item in answer.items if item.kind is Kind.MEMORY}


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


ACTS = st.lists(
    st.tuples(
        st.sampled_from(("say", "say", "say", "patch", "judge", "delete", "archive", "restore")), st.integers(0, 99)
    ),
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
