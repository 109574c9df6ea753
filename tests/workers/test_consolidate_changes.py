"""Consolidation over PostgreSQL: corrections, endings and retractions, re-reading, other words, links and entities."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from app.context import ProcessContext
from app.domain.lexical import TEXT_LENGTH, document_vector
from app.domain.memory import MemoryStatus, MemoryType
from app.domain.memory_writes import ChangedMemory, MemoryWrites
from app.domain.normalise import text_hash
from app.domain.scope import UserScope
from app.storage import changes, memory_edits, outcomes, versions
from app.storage.memory_edits import MemoryDraft, Place
from tests.support.candidates import START, of, said
from tests.support.consolidation import active, consolidate, context_over, listed, propose, speak


@pytest.fixture
def context(database) -> ProcessContext:
    return context_over(database)


@pytest.fixture
def user(project) -> UserScope:
    return UserScope(project.project_id, "u1")


def told(context, database, user, *found):
    """Give each candidate an event of its own, in runs of their own; returns the events."""
    ids = []
    for candidate in found:
        [event] = speak(database, user, [candidate.text])
        ids.append(event)
        propose(database, user, [replace(candidate, event_ids=(event,))], extractor=str(uuid4()))
        consolidate(context, user)
    return ids


def test_a_corrected_memory_stays_and_was_believed_until_then(context, database, user):
    wrong, right = of("appointment", "monday"), replace(of("appointment", "tuesday", 2), correction=True)
    first, second = told(context, database, user, wrong, right)
    assert active(database, user) == {right.text}
    old = next(m for m in listed(database, user) if m.text == wrong.text)
    assert (old.status, old.valid_to, old.live_until) == ("invalidated", None, START + timedelta(days=2))
    assert [m.text for m in listed(database, user, as_of=START + timedelta(days=1))] == [wrong.text]
    assert [source.event_id for source in old.sources] == [first]
    with database.transaction(user) as conn:
        added, ended = [entry.version for entry in versions.history(conn, user, old.id)]
        assert (ended.change, ended.reason, ended.status) == ("invalidate", "corrected", "invalidated")
        effects = outcomes.of_events(conn, user, [second])[second]
        [link] = conn.execute("SELECT type, to_id FROM links").fetchall()
    assert link == {"type": "contradicts", "to_id": old.id}
    assert [(e.decision, e.memory_id == old.id) for e in effects] == [("add", False), ("invalidate", True)]
    assert {e.reason for e in effects} == {"corrected"}
    assert added.status == "active"


def test_an_ended_state_is_closed_and_the_ending_is_an_episode(context, database, user):
    car = of("vehicle", "car", single=False)
    sold = replace(of("vehicle", "car", 5, single=False), text="The user sold the car.", ends=True)
    told(context, database, user, car, sold)
    [memory] = [m for m in listed(database, user) if m.status == "active"]
    assert (memory.text, memory.type) == ("The user sold the car.", MemoryType.EPISODE)
    old = next(m for m in listed(database, user) if m.text == car.text)
    assert (old.status, old.superseded_by, old.valid_to.text) == ("invalidated", memory.id, "2025-05-06")


def test_a_retraction_that_is_read_first_counts_all_the_same(context, database, user):
    [party] = speak(database, user, ["I plan a party"])
    [scrap] = speak(database, user, ["Scrap that"], day=1)
    propose(database, user, [replace(said("Scrap that.", 1, event=scrap), retracts=(party,))])
    consolidate(context, user)
    propose(database, user, [said("The user plans a party.", event=party)], extractor="test-2")
    consolidate(context, user)
    assert active(database, user) == set()
    [memory] = listed(database, user)
    assert (memory.status, memory.live_until) == ("invalidated", START + timedelta(days=1))
    with database.transaction(user) as conn:
        found = outcomes.of_events(conn, user, [party, scrap])
        row = conn.execute("SELECT count(*) AS n FROM events WHERE consolidated_at IS NULL").fetchone()
    assert [e.decision for e in found[scrap]] == ["skip"]
    assert [e.decision for e in found[party]] == ["invalidate", "skip"]
    assert row["n"] == 0


def test_the_same_events_read_again_make_no_second_history(context, database, user):
    old, new = of("home", "Warsaw"), of("home", "Porto", 9)
    first, _ = told(context, database, user, old, new)
    before = [(m.id, m.version) for m in listed(database, user)]
    propose(database, user, [replace(old, event_ids=(first,))], extractor="again")
    consolidate(context, user)
    assert [(m.id, m.version) for m in listed(database, user)] == before


def test_other_words_move_text_and_vector_together(context, database, user):
    told(context, database, user, said("The user loves hiking."), said("The user enjoys hiking.", 3))
    [memory] = listed(database, user)
    assert (memory.text, memory.version, len(memory.sources)) == ("The user enjoys hiking.", 2, 2)
    with database.transaction(user) as conn:
        history = [entry.version for entry in versions.history(conn, user, memory.id)]
        row = conn.execute("SELECT sparse FROM vectors WHERE target_id = %s", (memory.id,)).fetchone()
        hashed = conn.execute("SELECT text_hash FROM memories").fetchone()
    assert [(v.change, v.text) for v in history] == [
        ("add", "The user loves hiking."),
        ("merge", "The user enjoys hiking."),
    ]
    assert row["sparse"] == document_vector(memory.text, TEXT_LENGTH).to_bytes()
    assert hashed["text_hash"] == text_hash(memory.text)


@pytest.mark.parametrize("again", [1, 3])
def test_saying_it_again_never_deletes_and_never_doubles(context, database, user, again):
    told(context, database, user, *[said("The user loves jazz.", day) for day in range(1 + again)])
    [memory] = listed(database, user, status=None)
    assert (memory.status, len(memory.sources)) == ("active", 1 + again)


def test_a_contradiction_deletes_nothing_and_leaves_one_active(context, database, user):
    told(context, database, user, *[of("home", city, day) for day, city in enumerate(["Warsaw", "Porto", "Bath"])])
    found = listed(database, user)
    assert [m.status for m in found] == ["superseded", "superseded", "active"]
    assert all(len(m.sources) == 1 for m in found)


def test_links_by_rule(context, database, user):
    job = said("The user got a job at Nova in Porto.")
    move = said("The user moved to Porto because the user got a job at Nova.")
    told(context, database, user, job, move)
    with database.transaction(user) as conn:
        rows = conn.execute("SELECT type, reason FROM links ORDER BY type").fetchall()
    assert [row["type"] for row in rows] == ["causal", "similar", "temporal"]


def test_two_annas_stay_apart_and_a_bare_anna_is_neither(context, database, user):
    texts = [
        "The user's sister Anna lives in Bath.",
        "The user's colleague Anna likes chess.",
        "The user had lunch with Anna.",
        "The user's sister Anna has a dog.",
    ]
    told(context, database, user, *[replace(said(text, day), entities=("Anna",)) for day, text in enumerate(texts)])
    with database.transaction(user) as conn:
        rows = conn.execute(
            "SELECT n.kind, count(*) AS n FROM entities n JOIN memory_entities m ON m.entity_id = n.id GROUP BY n.kind"
        ).fetchall()
    assert {row["kind"]: row["n"] for row in rows} == {"sister": 2, "colleague": 1, "thing": 1}
    assert len(listed(database, user, entity="anna")) == 4


def test_a_name_that_only_a_deleted_memory_told_is_gone(context, database, user):
    full = replace(said("The user's sister Anna Weber moved."), entities=("Anna Weber",))
    short = replace(said("The user's sister Anna has a dog.", 1), entities=("Anna",))
    told(context, database, user, short, full)
    [deleted] = listed(database, user, words=("Weber",))
    with database.transaction(user) as conn:
        assert conn.execute("SELECT name FROM entities").fetchone()["name"] == "Anna Weber"
        changes.lock_user(conn, user)
        memory_edits.erase(conn, user, [deleted.id], actor="key:test")
        rows = conn.execute("SELECT name, normalised, aliases FROM entities").fetchall()
    assert rows == [{"name": "Anna", "normalised": "anna", "aliases": []}]


def written_by_an_app(context, database, user, text):
    """A memory that an app wrote directly; returns its id."""
    memory_id, place = context.new_id(), Place(START + timedelta(days=5))
    draft = MemoryDraft(text, text_hash(text), MemoryType.FACT, importance=0.5, confidence=0.7)
    with database.transaction(user) as conn:
        memory_edits.add(conn, user, memory_id, draft, place, [], actor="key:test")
    return memory_id


def test_what_comes_back_leaves_its_place_to_one_that_says_the_same(context, database, user):
    lisbon, porto = of("home", "lisbon"), of("home", "porto", 2)
    _, moved = told(context, database, user, lisbon, porto)
    written_by_an_app(context, database, user, lisbon.text)
    told(context, database, user, replace(said("Scrap that.", 6), retracts=(moved,)))
    assert active(database, user) == {lisbon.text}
    ended = {m.text: m.status for m in listed(database, user) if m.status != "active"}
    assert ended == {lisbon.text: "superseded", porto.text: "invalidated"}


def test_of_two_with_one_text_the_one_that_ends_is_written_first(context, database, user):
    lisbon, porto = of("home", "lisbon"), of("home", "porto", 2)
    told(context, database, user, lisbon, porto)
    other = written_by_an_app(context, database, user, lisbon.text)
    with database.transaction(user) as conn:
        matter = changes.Matter(hashes=(text_hash(lisbon.text),))
        known = {m.neighbour.status: m for m in changes.neighbours(conn, user, matter)}
        back, over = known["superseded"], known["active"]
        assert over.neighbour.id == other
        changed = [
            ChangedMemory(replace(m, neighbour=replace(m.neighbour, status=status)), "revive", "test")
            for m, status in ((back, MemoryStatus.ACTIVE), (over, MemoryStatus.SUPERSEDED))
        ]
        changes.write(conn, user, MemoryWrites(changed=tuple(changed)), changes.lock_user(conn, user))
    assert active(database, user) == {lisbon.text, porto.text}
