"""The decay job on real stores: what it archives and expires, dry runs, slices, use after it, views as of then."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from app.clock import utc_now
from app.domain.feedback import FeedbackSignal
from app.domain.memory import MemoryStatus, MemoryType
from app.domain.normalise import text_hash
from app.domain.query import Narrowing
from app.domain.strength import RETURNED, USED
from app.ledger import upkeep
from app.services import feedback, jobs, lifecycle, memories
from app.services.feedback import Said
from app.services.memories import NewMemory
from app.storage.memories import MemoryQuery, page
from app.storage.memory_edits import MemoryDraft, Place
from tests.workers.conftest import START
from workers.lifecycle import decay

IDS = "SELECT id FROM memories"
OLD = timedelta(days=40)  # after which an unused episode has faded


@pytest.fixture
def remember(pipeline):
    """Write a memory, by default an episode that nobody will miss, recorded OLD ago."""

    def write(text: str, *, user: str = "ann", age: timedelta = OLD, **fields) -> UUID:
        draft = MemoryDraft(text, text_hash(text), MemoryType.EPISODE, 0.5, 0.9)
        encoded = memories.encode(pipeline.context.encoder, text)
        scope, memory_id = pipeline.user(user), uuid4()
        with pipeline.db.transaction(scope) as conn:
            new = NewMemory(replace(draft, **fields), Place(START))
            memories.create(conn, scope, memory_id, new, encoded, actor="test")
            past = {"age": age, "id": memory_id}
            conn.execute("UPDATE memories SET created_at = now() - %(age)s WHERE id = %(id)s", past)
            conn.execute("UPDATE memory_versions SET recorded_at = now() - %(age)s WHERE memory_id = %(id)s", past)
        return memory_id

    return write


def sweep(pipeline, *, dry_run: bool = False, **about) -> tuple[dict, list[tuple[str, str, str]]]:
    """Run a decay job; its counts and items."""
    with pipeline.db.transaction(pipeline.project) as conn:
        job = jobs.create(conn, pipeline.project, uuid4(), "decay", about, dry_run=dry_run, actor="test")
    pipeline.run("job")
    return outcome(pipeline, job.id)


def outcome(pipeline, job_id: UUID) -> tuple[dict, list[tuple[str, str, str]]]:
    with pipeline.db.transaction(pipeline.project) as conn:
        job = jobs.get(conn, pipeline.project, job_id)
        items = jobs.items(conn, pipeline.project, job_id, action=None, after=0, limit=1000)
    assert job.state == "done", job.error
    return job.counts, [(item.target_id, item.action, item.reason) for _, item in items]


def status(pipeline, memory_id: UUID, user: str = "ann") -> str:
    (row,) = pipeline.rows("SELECT status FROM memories WHERE id = %s", user, [memory_id])
    return row["status"]


def versions(pipeline, memory_id: UUID) -> list[tuple[str, str | None, str]]:
    found = pipeline.rows(
        "SELECT change, reason, actor FROM memory_versions WHERE memory_id = %s ORDER BY version", values=[memory_id]
    )
    return [(row["change"], row["reason"], row["actor"].split(":")[0]) for row in found]


def use(pipeline, memory_id: UUID, times: float, user: str = "ann") -> list[UUID]:
    """As after an answer: count, then bring back what is to come back."""
    scope = pipeline.user(user)
    with pipeline.db.transaction(scope) as conn:
        wanted = lifecycle.note_uses(conn, scope, {memory_id: times}, utc_now())
    with pipeline.db.transaction(scope) as conn:
        return lifecycle.come_back(conn, scope, wanted, utc_now()) if wanted else []


def found(pipeline, question: str, **fields) -> list[str]:
    return [item.text for item in pipeline.ask(question, now=utc_now(), **fields).items]


def test_what_faded_is_archived_with_a_version_that_says_why(pipeline, remember):
    old, fresh = remember("Ann had soup at the Corner Café."), remember("Ann saw a heron.", age=timedelta(days=1))
    weighty = remember("Ann's brother moved to Oslo.", importance=0.8)
    counts, items = sweep(pipeline)
    assert items == [(str(old), "archive", "faded")]
    assert counts == {"archive": 1, "users": 1}
    assert [status(pipeline, id_) for id_ in (old, fresh, weighty)] == ["archived", "active", "active"]
    assert versions(pipeline, old) == [("add", None, "test"), ("decay", "faded", "job")]
    pipeline.settle()
    assert pipeline.points()[old] == 2
    assert sweep(pipeline) == ({"users": 1}, [])


def test_a_dry_run_lists_what_the_real_run_changes_and_changes_nothing(pipeline, remember):
    for number in range(3):
        remember(f"Ann ate {number} plums.")
        remember(f"Ben ate {number} pears.", user="ben", expires_at=utc_now() - timedelta(seconds=number))
    before = pipeline.rows("SELECT id, version, status FROM memories ORDER BY id")
    counts, listed = sweep(pipeline, dry_run=True)
    assert pipeline.rows("SELECT id, version, status FROM memories ORDER BY id") == before
    assert (counts["archive"], counts["expire"], counts["users"]) == (3, 3, 2)
    assert sweep(pipeline) == (counts, listed)


def test_one_user_only(pipeline, remember):
    ann, ben = remember("Ann ate a plum."), remember("Ben ate a pear.", user="ben")
    assert sweep(pipeline, user_id="ben")[0] == {"archive": 1, "users": 1}
    assert (status(pipeline, ann), status(pipeline, ben, "ben")) == ("active", "archived")


@pytest.mark.parametrize("dry_run", [True, False])
def test_it_goes_on_where_it_ended_and_what_a_killed_slice_did_counts_once(pipeline, remember, monkeypatch, dry_run):
    monkeypatch.setattr(decay, "PAGE", 2)
    names = [f"user-{number}" for number in range(5)]
    for name in names:
        remember(f"{name} ate a plum.", user=name)
    with pipeline.db.transaction(pipeline.project) as conn:
        job = jobs.create(conn, pipeline.project, uuid4(), "decay", {}, dry_run=dry_run, actor="test")
    one_page = replace(pipeline.context, monotonic=iter([0.0, 0.0, 1.0, 9.0, 9.0]).__next__)
    lost = decay.run(one_page, pipeline.project, job, None)  # a process that is killed before it notes this
    assert (lost.done, lost.total, lost.finished) == (2, 5, False)
    again = decay.run(pipeline.context, pipeline.project, job, None)
    left = 5 if dry_run else 3  # whoever has nothing active left is not looked at again
    assert (again.done, again.finished) == (left, True)
    assert again.counts == {"archive": 5, "users": left}
    assert {status(pipeline, row["id"], name) for name in names for row in pipeline.rows(IDS, name)} == {
        "active" if dry_run else "archived"
    }


def test_an_archived_memory_is_found_when_asked_for_and_as_of_then(pipeline, remember):
    memory_id = remember("Ann tasted durian in Penang.")
    pipeline.settle()
    question = "What did Ann taste in Penang?"
    text = "Ann tasted durian in Penang."
    assert text in found(pipeline, question)
    then = utc_now()
    sweep(pipeline)
    pipeline.settle()
    assert status(pipeline, memory_id) == "archived"
    assert text not in found(pipeline, question)
    assert text in found(pipeline, question, narrowing=Narrowing(include_archived=True))
    assert text in found(pipeline, question, narrowing=Narrowing(as_of=then))
    assert text not in found(pipeline, question, narrowing=Narrowing(as_of=utc_now()))
    with pipeline.db.transaction(pipeline.user()) as conn:
        seen = page(conn, pipeline.user(), MemoryQuery(status=MemoryStatus.ACTIVE, as_of=then))
    assert [memory.id for memory in seen] == [memory_id]


def test_it_comes_back_when_it_is_used_or_returned_twice(pipeline, remember):
    one, two = remember("Ann ate a plum."), remember("Ann ate a pear.")
    sweep(pipeline)
    assert use(pipeline, one, USED) == [one]
    assert use(pipeline, two, RETURNED) == []
    assert use(pipeline, two, RETURNED) == [two]
    assert versions(pipeline, one)[-1] == ("restore", "used", "pipeline")
    assert sweep(pipeline)[1] == []  # it was used just now, and is stronger than before


def test_it_does_not_come_back_beside_one_that_says_the_same_nor_from_an_archive_by_hand(pipeline, remember):
    faded, by_hand = remember("Ann ate a plum."), remember("Ann ate a pear.")
    sweep(pipeline)
    remember("Ann ate a plum.")
    assert use(pipeline, faded, USED) == []
    with pipeline.db.transaction(pipeline.user()) as conn:
        for action in ("restore", "archive"):
            order = lifecycle.Order(lifecycle.StateAction(action), None, None, "test")
            lifecycle.act(conn, pipeline.user(), by_hand, order, utc_now())
    assert use(pipeline, by_hand, USED) == []
    assert status(pipeline, by_hand) == "archived"


def test_what_was_called_private_in_the_archive_stays_there_from_every_point_of_view(pipeline, remember):
    memory_id = remember("Ann tasted durian in Penang.")
    pipeline.settle()
    then = utc_now()
    sweep(pipeline)
    with pipeline.db.transaction(pipeline.user()) as conn:
        said = Said(uuid4(), FeedbackSignal.PRIVATE)
        feedback.give(conn, pipeline.user(), memory_id, said, utc_now(), actor="test")
    pipeline.settle()
    assert use(pipeline, memory_id, USED) == []
    assert "Ann tasted durian in Penang." not in found(pipeline, "What did Ann taste?", narrowing=Narrowing(as_of=then))


def test_an_old_value_does_not_come_back_beside_the_new_one(pipeline, remember):
    old = remember("Ann lives in Ghent.", subject="ann", attribute="residence", value="ghent")
    single = "UPDATE memories SET single_valued = true RETURNING 1"
    pipeline.rows(single)
    sweep(pipeline)
    remember("Ann lives in Porto.", subject="ann", attribute="residence", value="porto")
    pipeline.rows(single)
    assert use(pipeline, old, USED) == []
    assert status(pipeline, old) == "archived"


def test_a_use_counts_more_when_the_memory_had_faded_and_makes_no_version(pipeline, remember):
    old, fresh = remember("Ann ate a plum."), remember("Ann ate a pear.", age=timedelta(0))
    for memory_id in (old, fresh):
        use(pipeline, memory_id, USED)
    grown = {
        row["id"]: row for row in pipeline.rows("SELECT id, use_count, stability, version, last_used_at FROM memories")
    }
    assert [grown[id_]["use_count"] for id_ in (old, fresh)] == [1.0, 1.0]
    assert [grown[id_]["version"] for id_ in (old, fresh)] == [1, 1]
    assert grown[old]["stability"] == pytest.approx(2.0, abs=0.01)
    assert grown[fresh]["stability"] == pytest.approx(1.0, abs=0.01)
    assert grown[old]["last_used_at"] > datetime.now(UTC) - timedelta(minutes=1)


def test_the_schedule_asks_once_for_every_project(pipeline, remember):
    remember("Ann ate a plum.")
    upkeep.decay(pipeline.context)
    upkeep.decay(pipeline.context)  # one waits already
    with pipeline.db.transaction(pipeline.project) as conn:
        (job,) = jobs.page(conn, pipeline.project, kind="decay", state=None, after=None, limit=10)
    pipeline.run("job")
    assert outcome(pipeline, job.id)[0] == {"archive": 1, "users": 1}


def test_what_is_said_again_after_its_time_is_new(pipeline):
    pipeline.say("I live in Ghent.")
    pipeline.settle()
    with pipeline.db.transaction(pipeline.user()) as conn:
        conn.execute("UPDATE memories SET expires_at = now()")
    pipeline.say("I live in Ghent.", session="s2", at=START + timedelta(days=1))
    pipeline.settle()
    rows = pipeline.rows("SELECT status, expires_at IS NULL AS open FROM memories ORDER BY created_at")
    assert [(row["status"], row["open"]) for row in rows] == [("expired", False), ("active", True)]
