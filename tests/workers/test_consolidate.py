import threading
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from app.clock import new_id
from app.context import ProcessContext
from app.domain.decide import decide
from app.domain.policy import DEFAULT
from app.domain.scope import UserScope
from app.domain.work import WorkKind
from app.errors import LeaseLostError
from app.storage import candidates as candidate_store
from app.storage import changes, memory_edits, versions, work
from tests.support.candidates import START, of, said
from tests.support.consolidation import active, claim, consolidate, context_over, listed, propose, speak
from workers.consolidate.apply import decide_all
from workers.consolidate.stage import BATCH, run


@pytest.fixture
def context(database) -> ProcessContext:
    return context_over(database)


@pytest.fixture
def user(project) -> UserScope:
    return UserScope(project.project_id, "u1")


def test_a_candidate_becomes_a_memory_with_everything_that_belongs_to_it(context, database, user):
    [event] = speak(database, user, ["I moved to Porto"])
    propose(database, user, [replace(of("home", "Porto", event=event), entities=("Porto",), agent_id="a1")])
    assert consolidate(context, user) == 1
    [memory] = listed(database, user, entity="porto")
    assert (memory.text, memory.subject, memory.value, memory.agent_id) == (
        "The user has home Porto.",
        "user",
        "Porto",
        "a1",
    )
    assert [source.event_id for source in memory.sources] == [event]
    assert (memory.live_from, memory.live_until, memory.version) == (START, None, 1)
    with database.transaction(user) as conn:
        [version] = [entry.version for entry in versions.history(conn, user, memory.id)]
        assert (version.change, version.actor, version.reason) == ("add", "pipeline", "new")
        vector = conn.execute(
            "SELECT model, kind, dimension, sparse FROM vectors WHERE target_id = %s", (memory.id,)
        ).fetchone()
        assert (vector["model"], vector["kind"], vector["dimension"]) == ("test", "memory", 4)
        assert vector["sparse"]
        row = conn.execute("SELECT consolidated_at FROM events WHERE id = %s", (event,)).fetchone()
        assert row["consolidated_at"] is not None
        assert work.is_open(conn, user, WorkKind.INDEX)
        assert not work.is_open(conn, user, WorkKind.CONSOLIDATE)
        decided = conn.execute("SELECT state, decision, memory_id FROM candidates").fetchall()
    assert decided == [{"state": "decided", "decision": "add", "memory_id": memory.id}]


def test_saying_it_again_strengthens_and_adds_the_source(context, database, user):
    first, second = speak(database, user, ["I love jazz", "I love jazz!"])
    propose(database, user, [said("The user loves jazz.", event=first)])
    consolidate(context, user)
    propose(database, user, [said("The user loves jazz", 2, event=second)], extractor="test-2")
    consolidate(context, user)
    [memory] = listed(database, user)
    assert {source.event_id for source in memory.sources} == {first, second}
    assert (memory.version, memory.stability) == (2, 2.0)
    assert memory.confidence > 0.7
    with database.transaction(user) as conn:
        one, two = [entry.version for entry in versions.history(conn, user, memory.id)]
    assert (two.change, two.recorded_until) == ("strengthen", None)
    assert one.recorded_until == two.recorded_at


def test_the_same_statement_twice_in_one_run_is_one_memory(context, database, user):
    first, second = speak(database, user, ["I love jazz", "I love jazz!"])
    propose(database, user, [said("The user loves jazz.", event=first), said("The user loves jazz.", 1, event=second)])
    consolidate(context, user)
    [memory] = listed(database, user)
    assert len(memory.sources) == 2


def test_a_new_value_supersedes_and_the_old_row_stays(context, database, user):
    first, second = speak(database, user, ["I live in Warsaw", "I live in Porto"])
    propose(database, user, [of("home", "Warsaw", event=first)])
    consolidate(context, user)
    propose(database, user, [of("home", "Porto", 9, event=second)], extractor="test-2")
    consolidate(context, user)
    old, new = listed(database, user)
    assert (old.status, old.superseded_by, old.live_until) == ("superseded", new.id, START + timedelta(days=9))
    assert old.valid_to.text == "2025-05-10"
    assert (new.status, new.live_from, new.live_until) == ("active", START + timedelta(days=9), None)
    then = listed(database, user, as_of=START + timedelta(days=3))
    assert [(m.text, m.status) for m in then] == [(old.text, "active")]
    with database.transaction(user) as conn:
        assert [e.version.change for e in versions.history(conn, user, old.id)] == ["add", "supersede"]


def test_what_arrives_late_becomes_history(context, database, user):
    first, second = speak(database, user, ["I live in Porto", "I live in Warsaw"])
    propose(database, user, [of("home", "Porto", 9, event=first)])
    consolidate(context, user)
    propose(database, user, [of("home", "Warsaw", 1, event=second)], extractor="test-2")
    consolidate(context, user)
    assert active(database, user) == {"The user has home Porto."}
    then = [m.text for m in listed(database, user, as_of=START + timedelta(days=3)) if m.status == "active"]
    assert then == ["The user has home Warsaw."]


def test_more_candidates_than_one_batch_come_back(context, database, user):
    ids = speak(database, user, [f"I own thing {i}" for i in range(BATCH + 50)])
    propose(database, user, [said(f"The user owns thing {i}.", event=event) for i, event in enumerate(ids)])
    assert consolidate(context, user) == 2
    assert len(active(database, user)) == BATCH + 50


def test_running_again_after_a_crash_before_the_commit_changes_nothing(context, database, user):
    [event] = speak(database, user, ["I love jazz"])
    propose(database, user, [said("The user loves jazz.", event=event)])
    lost = claim(context, user)
    with database.transaction(user) as conn:
        conn.execute("UPDATE work SET lease_until = now() - interval '1 second' WHERE id = %s", (lost.id,))
    again = claim(context, user)
    with pytest.raises(LeaseLostError):
        run(context, lost)
    assert active(database, user) == set()
    run(context, again)
    assert active(database, user) == {"The user loves jazz."}


def test_a_deleted_memory_does_not_come_back_from_the_same_events(context, database, user):
    first, second = speak(database, user, ["I love jazz", "I do love jazz"])
    propose(database, user, [said("The user loves jazz.", event=first)])
    consolidate(context, user)
    [memory] = listed(database, user)
    with database.transaction(user) as conn:
        changes.lock_user(conn, user)
        memory_edits.erase(conn, user, [memory.id], actor="key:test")
    propose(database, user, [said("The user loves jazz.", event=first)], extractor="test-2")
    consolidate(context, user)
    assert active(database, user) == set()
    propose(database, user, [said("The user loves jazz.", 4, event=second)], extractor="test-3")
    consolidate(context, user)
    assert active(database, user) == {"The user loves jazz."}


def test_a_decision_is_taken_again_when_a_memory_appears_in_between(context, database, user, monkeypatch):
    first, second = speak(database, user, ["I live in Warsaw", "I live in Porto"])
    propose(database, user, [of("home", "Porto", 9, event=second)])
    item = claim(context, user)
    seen = changes.neighbours
    calls = []

    def racing(conn, scope, matter):
        found = seen(conn, scope, matter)
        calls.append(len(found))
        if len(calls) == 1:  # after the read, before the write: somebody else remembers Warsaw
            propose(database, user, [of("home", "Warsaw", event=first)], extractor="test-2")
            other = UserScope(user.project_id, user.user_id)
            with database.transaction(other) as inner:
                at = changes.lock_user(inner, other)
                [row] = [c for c in candidate_store.open_of(inner, other, 9) if c.candidate.value == "Warsaw"]
                writes = decide_all([row], [], partial(decide, policy=DEFAULT.decide), new_id)
                changes.write(inner, other, writes, at)
        return found

    monkeypatch.setattr(changes, "neighbours", racing)
    run(context, item)
    assert active(database, user) == {"The user has home Porto."}
    assert calls[:2] == [0, 1]


def test_fifty_writers_of_one_fact_leave_one_memory(context, database, user):
    ids = speak(database, user, [f"I love jazz {i}" for i in range(50)])
    start = threading.Barrier(10)

    def write(part: int) -> None:
        start.wait()
        for event in ids[part::10]:
            propose(database, user, [said("The user loves jazz.", event=event)])
            item = claim(context, user)
            if item is not None:
                run(context, item)

    threads = [threading.Thread(target=write, args=(part,)) for part in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    consolidate(context, user)
    [memory] = listed(database, user)
    assert len(memory.sources) == 50
    with database.transaction(user) as conn:
        rows = conn.execute("SELECT count(*) AS n FROM memory_versions WHERE recorded_until IS NULL").fetchone()
    assert rows["n"] == 1


def test_users_do_not_meet(context, database, project):
    one, other = UserScope(project.project_id, "one"), UserScope(project.project_id, "two")
    for scope, city in ((one, "Warsaw"), (other, "Porto")):
        [event] = speak(database, scope, [f"I live in {city}"])
        propose(database, scope, [of("home", city, event=event)])
    consolidate_all(context, project)
    assert active(database, one) == {"The user has home Warsaw."}
    assert active(database, other) == {"The user has home Porto."}


def consolidate_all(context, project) -> None:
    with context.db.transaction(None) as conn:
        items = work.claim(conn, [WorkKind.CONSOLIDATE], 100, 60)
    for item in items:
        if item.project_id == project.project_id:
            run(context, item)


def test_another_spelling_becomes_an_alias(context, database, user):
    first, second = speak(database, user, ["Kathrine moved", "Katherine's flat"])
    propose(database, user, [said("The user's friend Kathrine moved to Oslo.", event=first, entities=("Kathrine",))])
    consolidate(context, user)
    propose(
        database,
        user,
        [said("Katherine has a flat in Oslo.", 1, event=second, entities=("Katherine",))],
        extractor="test-2",
    )
    consolidate(context, user)
    with database.transaction(user) as conn:
        rows = conn.execute("SELECT name, aliases FROM entities").fetchall()
        joined = conn.execute("SELECT count(*) AS n FROM memory_entities").fetchone()
    assert [(row["name"], row["aliases"]) for row in rows] == [("Kathrine", ["katherine"])]
    assert joined["n"] == 2
