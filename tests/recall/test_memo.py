"""What was read of a user is used again only while it is true, and for five minutes at most."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from app.domain.query import Narrowing
from app.domain.scope import UserScope
from app.domain.units import memory_unit, turn_unit
from app.services.recall_memo import SECONDS, SWEEP_SECONDS, RecallMemo
from app.storage import recall as reads
from app.storage.recall import AboutUser, SeenTurn
from tests.recall.test_ranking import event, memory

NOW = datetime(2025, 6, 1, tzinfo=UTC)
ANN = UserScope(uuid4(), "ann")


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def memo(clock):
    return RecallMemo(clock)


def filled(known, *numbers):
    for number in numbers:
        turn = event(number, f"turn {number}")
        known.turns[turn.id.int] = SeenTurn(turn_unit(turn), number)
    known.memories[99] = memory_unit(memory(99, "Anna lives in Porto."))
    return known


def test_the_same_version_is_read_once(memo):
    known = filled(memo.reads(ANN, "v1", NOW), 1, 2)
    assert memo.reads(ANN, "v1", NOW) is known


def test_another_version_has_nothing_but_turns_to_look_at_again(memo):
    filled(memo.reads(ANN, "v1", NOW), 1, 2).turns[77] = None
    fresh = memo.reads(ANN, "v2", NOW)
    assert (fresh.turns, fresh.memories, fresh.about) == ({}, {}, None)
    assert set(fresh.carried) == {1, 2}
    assert set(memo.reads(ANN, "v3", NOW).carried) == {1, 2}


def test_nothing_is_shared_between_users_and_projects(memo):
    filled(memo.reads(ANN, "v1", NOW), 1)
    for other in (UserScope(ANN.project_id, "ben"), UserScope(uuid4(), "ann")):
        fresh = memo.reads(other, "v1", NOW)
        assert (fresh.turns, fresh.memories, fresh.carried) == ({}, {}, {})


def test_a_memory_that_expires_ends_it(memo):
    memo.reads(ANN, "v1", NOW).about = AboutUser(1, (), NOW + timedelta(seconds=5))
    assert memo.reads(ANN, "v1", NOW + timedelta(seconds=4)).about is not None
    assert memo.reads(ANN, "v1", NOW + timedelta(seconds=5)).about is None


def test_all_is_forgotten_in_time_though_the_user_is_asked_about_all_the_while(memo, clock):
    filled(memo.reads(ANN, "v0", NOW), 1)
    for step in range(1, 11):
        clock.now = step * SECONDS / 10
        known = memo.reads(ANN, f"v{step}", NOW)
        assert set(known.carried) == {1}
    clock.now += 1
    assert memo.reads(ANN, "v10", NOW).carried == {}


def test_users_who_are_not_asked_about_are_forgotten_too(memo, clock):
    filled(memo.reads(ANN, "v1", NOW), 1)
    clock.now = SECONDS + SWEEP_SECONDS + 1
    memo.reads(UserScope(ANN.project_id, "ben"), "v1", NOW)
    assert len(memo) == 1
    clock.now *= 2
    memo.sweep()
    assert len(memo) == 0


def test_the_store_is_bounded_and_who_was_asked_about_last_stays(clock):
    memo = RecallMemo(clock, most=100)
    users = [UserScope(ANN.project_id, str(number)) for number in range(10)]
    for user in users:
        filled(memo.reads(user, "v", NOW), *range(1, 30))
        memo.reads(user, "v", NOW)
    assert 0 < len(memo) < 6
    assert memo.reads(users[-1], "v", NOW).turns


@pytest.mark.parametrize("change", ["erased", "changed", "none"])
def test_a_turn_is_read_again_when_its_row_is_another(user, project, change):
    first, second = map(UUID, user.say("I live in Porto.", "My cat is called Bazyl."))
    user.settle()
    db, scope = user.context.db, UserScope(project.project_id, user.id)

    def read(**known):
        with db.transaction(scope) as conn:
            model = user.context.encoder.fingerprint
            return reads.turns(conn, scope, Narrowing(), [first, second], model=model, **known)

    known = read()
    assert set(known) == {first, second}
    with db.transaction(scope) as conn:
        if change == "erased":
            conn.execute("DELETE FROM events WHERE id = %s", (first,))
        elif change == "changed":
            conn.execute("UPDATE events SET content = 'I live in Ghent.' WHERE id = %s", (first,))
    found = read(known=known)
    assert found[second] is known[second], "it is not read again"
    if change == "erased":
        assert set(found) == {second}
    else:
        assert (found[first] is known[first]) == (change == "none")
        assert ("Ghent" in found[first].unit.text) == (change == "changed")


def test_answers_follow_every_change_though_reads_are_kept(user):
    user.say("I live in Porto.", "My cat is called Bazyl.")
    user.settle()
    for _ in range(2):
        assert "Porto" in str(user.ask("Where do I live?", cache="off")["items"])
    user.say("I moved to Ghent.")
    assert "Ghent" in str(user.ask("Where do I live?", cache="off")["items"])
    user.settle()
    first, *_ = user.ask("Where do I live?", cache="off")["items"]
    assert "Ghent" in first["text"], "what no longer holds stands behind"
    page = user.http.get("/v1/memories", params={"user_id": user.id}).json()["items"]
    (cat,) = [item["id"] for item in page if "Bazyl" in item["text"]]
    assert "Bazyl" in str(user.ask("What is my cat called?", cache="off")["items"])
    assert user.http.delete(f"/v1/memories/{cat}").status_code == 204
    assert cat not in [item["id"] for item in user.ask("What is my cat called?", cache="off")["items"]]
