"""Consolidation beside other writers: one fact from fifty threads, and additions, updates, deletions and erasures."""

import random
import threading
import time
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import permutations
from uuid import uuid4

import pytest

from app.context import ProcessContext
from app.domain.erasure import TargetKind
from app.domain.scope import ProjectScope, UserScope
from app.errors import LeaseLostError
from app.services import erasures
from app.storage import changes, memory_edits
from app.storage.changes import StaleDecisionError
from tests.support import erasing
from tests.support.candidates import of, said
from tests.support.consolidation import claim, consolidate, context_over, listed, propose, speak
from workers.consolidate.stage import run


@pytest.fixture
def context(database) -> ProcessContext:
    return context_over(database)


@pytest.fixture
def user(project) -> UserScope:
    return UserScope(project.project_id, "u1")


def at_once(*work) -> None:
    """Run these at the same moment and wait for all; the first error of any is raised."""
    start, failed = threading.Barrier(len(work)), []

    def one(act) -> None:
        start.wait()
        try:
            act()
        except Exception as error:  # noqa: BLE001 - raised again below
            failed.append(error)

    threads = [threading.Thread(target=one, args=(act,)) for act in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]


def test_fifty_threads_state_the_same_fact(context, database, user):
    ids = speak(database, user, [f"I love jazz {i}" for i in range(50)])

    def state(event) -> None:
        propose(database, user, [said("The user loves jazz.", event=event)])
        item = claim(context, user)
        if item is not None:
            run(context, item)

    at_once(*[lambda event=event: state(event) for event in ids])
    consolidate(context, user)
    [memory] = listed(database, user)
    assert (memory.status, len(memory.sources)) == ("active", 50)


class Act:
    """One user who lived in Warsaw, and four things that happen to them at once: each is one step of some order."""

    NAMES = ("supersede", "delete", "add", "erase")

    def __init__(self, context, database, project) -> None:
        self.context, self.database = context, database
        self.user = UserScope(project.project_id, f"u-{uuid4()}")
        [home] = speak(database, self.user, ["Warsaw"])
        propose(database, self.user, [of("home", "Warsaw", event=home)])
        consolidate(context, self.user)
        [self.old] = listed(database, self.user)
        [self.moved] = speak(database, self.user, ["Porto"], day=9, session="s2")
        [self.plays] = speak(database, self.user, ["chess"], day=3)

    def _work(self) -> None:
        item = claim(self.context, self.user)
        if item is None:
            return
        with suppress(StaleDecisionError, LeaseLostError):  # the ledger gives such a unit out again
            run(self.context, item)

    def supersede(self) -> None:
        porto = replace(of("home", "Porto", 9, event=self.moved), session_id="s2")
        propose(self.database, self.user, [porto], extractor="test-2", session="s2")
        self._work()

    def delete(self) -> None:
        with self.database.transaction(self.user) as conn:
            changes.lock_user(conn, self.user)
            memory_edits.erase(conn, self.user, [self.old.id], actor="key:test")

    def add(self) -> None:
        propose(self.database, self.user, [said("The user plays chess.", 3, event=self.plays)], extractor="test-3")
        self._work()

    def erase(self) -> None:
        with self.database.transaction(self.user) as conn:
            erasures.session(conn, self.user, erasing.order(TargetKind.SESSION, "s2"), erasing.KEY)

    def settled(self) -> tuple:
        """What is left once nothing waits any more: memories by text and status, turns, open work."""
        with self.database.transaction(self.user) as conn:
            conn.execute(
                "UPDATE work SET state = 'ready', lease_until = NULL, run_after = now() WHERE state = 'leased'"
            )
        consolidate(self.context, self.user)
        with self.database.transaction(self.user) as conn:
            memories = conn.execute(
                "SELECT text, status FROM memories WHERE status <> 'erased' ORDER BY text"
            ).fetchall()
            turns = conn.execute("SELECT content FROM events ORDER BY content").fetchall()
            waiting = conn.execute("SELECT count(*) AS n FROM candidates WHERE state = 'open'").fetchone()
            current = conn.execute(
                "SELECT memory_id, count(*) FILTER (WHERE recorded_until IS NULL) AS n FROM memory_versions GROUP BY 1"
            ).fetchall()
        assert {row["n"] for row in current} <= {0, 1}
        assert waiting["n"] == 0
        return (
            tuple((row["text"], row["status"]) for row in memories),
            tuple(row["content"] for row in turns),
        )


@pytest.fixture(scope="module")
def serial(database):
    """How it ends in every order of the four, one after the other."""
    context, project = context_over(database), ProjectScope(uuid4())
    with database.transaction(project) as conn:
        conn.execute("INSERT INTO projects (id, name) VALUES (%s, 'serial')", (project.project_id,))
    ends = set()
    for order in permutations(Act.NAMES):
        act = Act(context, database, project)
        for name in order:
            getattr(act, name)()
        ends.add(act.settled())
    return ends


@pytest.mark.parametrize("seed", range(12))
def test_what_races_ends_as_some_order_of_it_would(context, database, project, serial, seed):
    act, dice = Act(context, database, project), random.Random(seed)
    pauses = {name: dice.random() / 100 for name in Act.NAMES}

    def late(name: str) -> None:
        time.sleep(pauses[name])
        getattr(act, name)()

    at_once(*[partial(late, name) for name in Act.NAMES])
    assert act.settled() in serial
