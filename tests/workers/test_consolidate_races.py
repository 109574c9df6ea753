"""Consolidation beside other writers: one fact from fifty threads, deletions, and any order of delivery."""

import random
import threading
import time
from dataclasses import replace
from functools import partial
from uuid import uuid4

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.clock import new_id
from app.context import ProcessContext
from app.domain.decide import decide
from app.domain.policy import DEFAULT
from app.domain.scope import UserScope
from app.storage import changes, memory_edits
from app.storage.changes import StaleDecisionError
from tests.support.candidates import of, said, stored
from tests.support.consolidation import active, claim, consolidate, context_over, listed, propose, speak
from workers.consolidate.apply import decide_all
from workers.consolidate.linking import Linking
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


@pytest.mark.parametrize("seed", range(6))
def test_adding_superseding_and_deleting_at_once_is_as_if_one_after_the_other(context, database, user, seed):
    first, second, third = speak(database, user, ["Warsaw", "Porto", "chess"])
    propose(database, user, [of("home", "Warsaw", event=first)])
    consolidate(context, user)
    [old] = listed(database, user)
    pause = random.Random(seed)

    def supersede() -> None:
        time.sleep(pause.random() / 200)
        propose(database, user, [of("home", "Porto", 9, event=second)], extractor="test-2")
        item = claim(context, user)
        if item is not None:
            run(context, item)

    def delete() -> None:
        time.sleep(pause.random() / 100)
        with database.transaction(user) as conn:
            changes.lock_user(conn, user)
            memory_edits.erase(conn, user, [old.id], actor="key:test")

    def add() -> None:
        propose(database, user, [said("The user plays chess.", 3, event=third)], extractor="test-3")
        item = claim(context, user)
        if item is not None:
            run(context, item)

    try:
        at_once(supersede, delete, add)
    except StaleDecisionError:  # the ledger gives such a unit out again
        with database.transaction(user) as conn:
            conn.execute("UPDATE work SET lease_until = now() - interval '1 second'")
    consolidate(context, user)
    assert active(database, user) == {"The user has home Porto.", "The user plays chess."}
    with database.transaction(user) as conn:
        texts = conn.execute("SELECT text FROM memories WHERE id = %s", (old.id,)).fetchone()
        versions = conn.execute(
            "SELECT memory_id, count(*) FILTER (WHERE recorded_until IS NULL) AS n FROM memory_versions GROUP BY 1"
        ).fetchall()
        open_candidates = conn.execute("SELECT count(*) AS n FROM candidates WHERE state = 'open'").fetchone()
    assert texts["text"] == ""
    assert {row["n"] for row in versions} == {1}
    assert open_candidates["n"] == 0


kinds = st.tuples(
    st.sampled_from(["home", "pet", "over", "plain", "scrap"]), st.sampled_from(["rex", "max"]), st.integers(0, 30)
)


def candidate_of(kind, value, event, earlier):
    day, event_id = event
    if kind == "over":
        return replace(
            of("pet", value, day, single=False, event=event_id), text=f"The user gave {value} away.", ends=True
        )
    if kind == "scrap":
        return replace(said("Scrap that.", day, event=event_id), retracts=(earlier,) if earlier else (uuid4(),))
    if kind == "plain":
        return said(f"The user met {value}.", day, event=event_id)
    return of(kind, value, day, single=kind == "home", event=event_id)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(kinds, min_size=1, max_size=7, unique_by=lambda s: s[2]), st.randoms(use_true_random=False))
def test_segments_in_any_order_and_twice_end_in_the_same_memories(context, database, project, spoken, shuffle):
    spoken = sorted(spoken, key=lambda s: s[2])
    ends = []
    for order in ("told", "shuffled"):
        scope = UserScope(project.project_id, f"u-{uuid4()}")
        events = [speak(database, scope, [f"{kind} {value}"], day=day)[0] for kind, value, day in spoken]
        # What is taken back replaced nothing: docs/memory.md says why a value that did is left out.
        found = [
            candidate_of(kind, value, (day, events[i]), events[i - 1] if i and spoken[i - 1][0] == "plain" else None)
            for i, (kind, value, day) in enumerate(spoken)
        ]
        if order == "shuffled":
            shuffle.shuffle(found)
        for number, candidate in enumerate(found):
            propose(database, scope, [candidate], extractor=f"first-{number}")
            consolidate(context, scope)
        ends.append(active(database, scope))
        for number, candidate in enumerate(found):
            propose(database, scope, [candidate], extractor=f"again-{number}")
        consolidate(context, scope)
        ends.append(active(database, scope))
    assert ends[0] == ends[1] == ends[2] == ends[3]


def test_a_candidate_takes_at_most_two_milliseconds_beside_a_thousand_memories():
    """The decisions of one run, pure; the reads are measured in the bench."""
    rng = np.random.default_rng(7)

    def unit() -> np.ndarray:
        vector = rng.standard_normal(384).astype(np.float32)
        return vector / np.linalg.norm(vector)

    texts = [said(f"The user did thing {i} with {i % 97} others on day {i}.", i % 60) for i in range(1_100)]
    rows = [replace(stored(candidate, i), dense=unit()) for i, candidate in enumerate(texts)]
    decider = partial(decide, policy=DEFAULT.decide)
    linking = Linking(0.6, 10)
    begun = time.process_time()
    writes = decide_all(rows, [], decider, new_id, linking=linking)
    spent = time.process_time() - begun
    assert len(writes.new) == 1_100
    assert spent / len(rows) < 0.002 * 2  # twice the aim: a shared machine
