"""Events in PostgreSQL: idempotent batches under concurrency, order, offsets, cursors, pending ones and tails."""

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone

import pytest

from app.clock import new_id
from app.domain.event import EventState, NewEvent, Role
from app.domain.scope import UserScope
from app.errors import ConflictError
from app.storage import events, recall, sessions
from app.storage.events import EventInsert, EventQuery, InsertStatus

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=timezone(timedelta(hours=5, minutes=30)))


def said(text, client_id=None, *, user="ann", session="s1", at=NOON, **fields):
    event = NewEvent(user, session, Role.USER, text, at, client_id=client_id, **fields)
    return EventInsert(new_id(), event, hashlib.sha256(repr(event).encode()).digest())


def store(database, project, *rows):
    with database.transaction(project) as conn:
        return events.insert_events(conn, project, rows)


def statuses(results):
    return [result.status.value for result in results]


def page(database, project, **query):
    with database.transaction(project) as conn:
        return events.page(conn, project, EventQuery(**query))


def test_an_event_comes_back_as_it_was_sent(database, project):
    metadata = {"b": [1, {"é": "☕"}], "a": None, "__proto__": {"x": 1.5}}
    row = said("Hi 👋\n\u202eabc", "c1", name="Ann", agent_id="bot", metadata=metadata)
    (result,) = store(database, project, row)
    (event,) = page(database, project)
    assert (result.id, result.client_id) == (row.id, "c1")
    assert (event.content, event.metadata, list(event.metadata)) == (
        row.event.content,
        metadata,
        ["b", "a", "__proto__"],
    )
    assert event.occurred_at == NOON
    assert event.occurred_at.utcoffset() == NOON.utcoffset()
    assert (event.state, event.speaker, event.agent_id) == (EventState.PENDING, "Ann", "bot")


def test_the_first_of_an_id_wins_inside_and_across_batches(database, project):
    first = said("a", "1")
    results = store(database, project, first, said("a", "1"), said("b", "2"), said("c"), said("c"))
    assert statuses(results) == ["accepted", "duplicate", "accepted", "accepted", "accepted"]
    assert results[1].id == first.id
    again = store(database, project, said("a", "1"), said("d", "3"), said("other", "2"))
    assert statuses(again) == ["duplicate", "accepted", "conflict"]
    assert again[0].id == first.id


def test_the_same_id_in_another_session_or_of_another_user_is_another_event(database, project):
    results = store(
        database, project, said("a", "1"), said("a", "1", session="s2"), said("a", "1", user="bob"), said("b", "1")
    )
    assert statuses(results) == ["accepted", "accepted", "accepted", "conflict"]


def store_all_or_nothing(database, project, *rows):
    with database.transaction(project) as conn:
        if any(result.status is InsertStatus.CONFLICT for result in events.insert_events(conn, project, rows)):
            raise ConflictError("an id was used before")


def test_a_conflict_rolls_everything_back_when_the_caller_raises(database, project):
    store(database, project, said("a", "1"))
    with pytest.raises(ConflictError):
        store_all_or_nothing(database, project, said("new", "2"), said("changed", "1"))
    assert [event.content for event in page(database, project)] == ["a"]


def test_concurrent_retries_of_a_batch_store_it_once(database, project):
    gate = threading.Barrier(6)

    def send(_):
        rows = [said(f"turn {n}", str(n), session=f"s{n % 3}") for n in range(30)]
        gate.wait()
        return statuses(store(database, project, *rows))

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(send, range(6)))
    assert sum(answer.count("accepted") for answer in answers) == 30
    assert sum(answer.count("duplicate") for answer in answers) == 150
    with database.transaction(project) as conn:
        counted = conn.execute("SELECT sum(events) AS n FROM sessions").fetchone()
    assert counted["n"] == 30


def test_batches_that_cross_do_not_deadlock(database, project):
    names = [f"s{n}" for n in range(20)]

    def send(order):
        return store(database, project, *(said("x", session=name) for name in order))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(send, [names, names[::-1]] * 6))
    assert len(page(database, project, limit=1000)) == 240


def test_sessions_and_speakers_follow(database, project):
    later = NOON + timedelta(hours=2)
    store(
        database,
        project,
        said("a", at=later, name="Ann"),
        said("b", at=NOON, name="Bob", agent_id="bot-2"),
        said("c", session="s2"),
    )
    scope = UserScope(project.project_id, "ann")
    with database.transaction(scope) as conn:
        one = sessions.get(conn, scope, "s1")
        everyone = sessions.page(conn, scope)
        rest = sessions.page(conn, scope, after=(everyone[0].last_at, everyone[0].session_id))
        names = [speaker.name for speaker in sessions.speakers(conn, scope)]
    assert (one.events, one.first_at, one.last_at, one.agent_id) == (2, NOON, later, "bot-2")
    assert [s.session_id for s in everyone] == ["s1", "s2"]
    assert [s.session_id for s in rest] == ["s2"]
    assert names == ["Ann", "Bob"]


def test_pages_walk_in_time_order_through_equal_times(database, project):
    rows = [said(str(n), at=NOON + timedelta(minutes=n // 3)) for n in range(10)]
    store(database, project, *rows[5:])
    store(database, project, *rows[:5])
    seen, after = [], None
    while found := page(database, project, user_id="ann", after=after, limit=3):
        seen += found
        after = (found[-1].occurred_at, found[-1].seq)
    assert [(e.occurred_at, e.seq) for e in seen] == sorted((e.occurred_at, e.seq) for e in seen)
    assert sorted(int(e.content) for e in seen) == list(range(10))
    inside = page(database, project, occurred_from=NOON, occurred_to=NOON + timedelta(minutes=1))
    assert sorted(int(e.content) for e in inside) == [0, 1, 2]


def test_pending_tail_and_states(database, project):
    scope = UserScope(project.project_id, "ann")
    results = store(database, project, *(said(str(n), at=NOON + timedelta(minutes=n)) for n in range(8)))
    with database.transaction(scope) as conn:
        conn.execute("UPDATE events SET state = 'processed' WHERE content IN ('6', '7')")
        newest, total = events.pending(conn, scope, limit=4)
        tail = events.tail(conn, scope, "s1", limit=3)
        before = events.tail(conn, scope, "s1", limit=3, before=(NOON + timedelta(minutes=4)).astimezone(UTC))
        states = events.states(conn, scope, [result.id for result in results])
    assert ([e.content for e in newest], total) == (["5", "4", "3", "2"], 6)
    assert [e.content for e in tail] == ["5", "6", "7"]
    assert [e.content for e in before] == ["2", "3", "4"]
    assert [state.value for state in states.values()].count("processed") == 2


def test_nobody_elses_events(database, project):
    (result,) = store(database, project, said("secret plan"))
    bob = UserScope(project.project_id, "bob")
    with database.transaction(bob) as conn:
        assert events.by_ids(conn, bob, [result.id]) == {}
        assert events.states(conn, bob, [result.id]) == {}
        assert events.page(conn, bob, EventQuery()) == []


def places(database, user_scope):
    with database.transaction(user_scope) as conn:
        rows = conn.execute("SELECT client_id, place FROM events ORDER BY place, client_id").fetchall()
    return [(row["client_id"], row["place"]) for row in rows]


def test_places_count_what_is_stored(database, project):
    """A batch that is sent again with more behind it leaves no gap, so no two turns get the same place later."""
    first = [said("one", "a"), said("two", "b")]
    store(database, project, *first)
    store(database, project, *first, said("three", "c"), said("elsewhere", "x", session="s2"))
    store(database, project, said("four", "d"), said("four", "d"))
    store(database, project, said("five", "e"))
    found = places(database, UserScope(project.project_id, "ann"))
    assert found == [("a", 1), ("x", 1), ("b", 2), ("c", 3), ("d", 4), ("e", 5)]


def version_of(database, scope):
    with database.transaction(scope) as conn:
        return recall.state_of_user(conn, scope).version


def test_every_change_gives_another_version_and_nobody_waits(database, project):
    """Two open transactions of one user both write; whichever commits is seen, and no version comes twice."""
    scope = UserScope(project.project_id, "ann")
    seen = [version_of(database, scope)]
    with database.transaction(project) as one:
        one.execute("SET LOCAL lock_timeout = '2s'")
        events.insert_events(one, project, [said("one", "a", session="s1")])
        with database.transaction(project) as two:
            two.execute("SET LOCAL lock_timeout = '2s'")
            events.insert_events(two, project, [said("two", "b", session="s2")])
            seen.append(version_of(database, scope))
        seen.append(version_of(database, scope))
    seen.append(version_of(database, scope))
    for number in range(5):
        store(database, project, said("more", f"m{number}"))
        seen.append(version_of(database, scope))
    assert seen[0] == seen[1], "nothing is committed yet"
    assert len(set(seen)) == len(seen) - 1
    with database.transaction(scope) as conn:
        settled = conn.execute("SELECT count(*) AS n FROM user_versions").fetchone()["n"]
    assert settled <= 2, "what is settled is dropped"
