"""Defects of other systems that concern writing, on the real parts; docs/known-defects.md lists each with its test."""

import re
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from app.domain.erasure import TargetKind
from app.domain.policy import PRESETS, Preset
from app.domain.query import Mode
from app.services import memories
from app.services import policy as policies
from app.storage import links
from tests.support.erasing import KEY, order
from tests.support.private import private_database
from tests.workers.conftest import START, opened_pipeline

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "docs" / "known-defects.md"
HOUR = timedelta(hours=1)
TURNS = (
    "I play the cello.",
    "I practise the cello every evening.",
    "My sister Maria is allergic to peanuts.",
    "I live in Ghent.",
    "I bought a red bicycle.",
    "I rode my bicycle to the harbour.",
    "I am going to visit Oslo next week.",
    "I moved to Porto.",
    "I repaired my bicycle.",
)


def understood(pipeline, preset: Preset):
    """The turns an hour apart, read to the end; returns the pipeline at that later time."""
    with pipeline.db.transaction(pipeline.project) as conn:
        policies.put(conn, pipeline.project, preset.value, None)
    for place, turn in enumerate(TURNS):
        pipeline.say(turn, session=f"s{place // 3}", at=START + place * HOUR)
    later = pipeline.later(HOUR)
    for _ in range(3):
        later.settle()
    return later


@pytest.fixture(scope="module", params=PRESETS, ids=[preset.value for preset in PRESETS])
def read(request, postgres, encoder, index_files, tmp_path_factory):
    """(a preset's name, the pipeline after its reading): for tests that change nothing which others look at."""
    home = tmp_path_factory.mktemp("read")
    with private_database(postgres) as private, opened_pipeline(private, encoder, index_files, home) as pipeline:
        yield request.param, understood(pipeline, request.param)


def test_every_test_that_the_table_names_exists():
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TABLE.read_text())
    assert len(named) >= 20
    missing = [f"{path}::{name}" for path, name in named if f"def {name}(" not in (ROOT / path).read_text()]
    assert not missing


def test_every_turn_is_in_one_segment_and_every_memory_in_one_scene(read):
    """MemoryOS gave every theme all pages of its batch."""
    _, pipeline = read
    in_segments = Counter(i for row in pipeline.rows("SELECT event_ids FROM segments") for i in row["event_ids"])
    assert set(in_segments) == {event.id for event in pipeline.events()}
    assert set(in_segments.values()) == {1}
    members = [row["memory_id"] for row in pipeline.rows("SELECT memory_id FROM scene_members")]
    assert len(members) == len(set(members))


def test_every_memory_leads_back_to_what_was_said(read):
    """SimpleMem dropped the sources."""
    _, pipeline = read
    bare = pipeline.rows(
        "SELECT text FROM memories m WHERE NOT EXISTS (SELECT 1 FROM memory_sources s WHERE s.memory_id = m.id)"
    )
    assert bare == []
    cited = pipeline.rows("SELECT DISTINCT e.content FROM memory_sources s JOIN events e ON e.id = s.event_id")
    read = [event for event in pipeline.events() if event.skip_reason is None]
    assert {event.content for event in read} == {row["content"] for row in cited}


def test_upkeep_removes_no_memory_and_a_second_time_changes_nothing(read):
    """MemoryBank deleted at random when it loaded; LightMem's and A-MEM's upkeep rewrote what it had rewritten."""
    _, pipeline = read
    state = "SELECT id, version, status, text, keywords, tags, context FROM memories ORDER BY id"
    before = pipeline.rows(state)
    with pipeline.db.transaction(pipeline.user()) as conn:
        conn.execute(
            "INSERT INTO work (project_id, kind, user_id) SELECT DISTINCT project_id, k, user_id FROM sessions,"
            " unnest(ARRAY['tidy', 'wake', 'evolve', 'consolidate']) AS k"
        )
    pipeline.settle()
    pipeline.settle()
    assert pipeline.rows(state) == before


def test_reading_writes_nothing_but_what_was_used(read):
    """MemoryOS rewrote its state file on every read."""
    _, pipeline = read
    state = (
        "SELECT id, version, updated_at FROM memories",
        "SELECT id, version, visits, updated_at FROM scenes",
        "SELECT kind, version, updated_at FROM blocks",
        "SELECT target_id, updated_at FROM vectors",
        "SELECT id FROM work",
    )
    before = [sorted(map(str, pipeline.rows(statement))) for statement in state]
    assert pipeline.ask("Where do I play the cello?", mode=Mode.DEEP).items
    assert [sorted(map(str, pipeline.rows(statement))) for statement in state] == before


def test_only_linked_memories_are_refreshed_and_each_by_its_own_neighbours(pipeline):
    """A-MEM took the rank among the neighbours for a place in the list of all notes, and rewrote others."""
    pipeline.under(Preset.AMEM)
    for place, turn in enumerate(TURNS[:6]):
        pipeline.say(turn, session=f"s{place}", at=START + place * HOUR)
    pipeline.settle()
    notes = "SELECT id, version, text, keywords, tags, context FROM memories ORDER BY id"
    before = {row["id"]: row for row in pipeline.rows(notes)}
    pipeline.say("I painted my red bicycle with glitter.", session="s9", at=START + 9 * HOUR)
    pipeline.settle()
    after = {row["id"]: row for row in pipeline.rows(notes)}
    (joined,) = after.keys() - before.keys()
    linked = {
        row["to_id"]
        for row in pipeline.rows("SELECT to_id FROM links WHERE from_id = %s AND type = 'similar'", values=(joined,))
    }
    assert linked
    assert linked < before.keys()
    assert {id_ for id_ in before if after[id_] != before[id_]} == linked
    for id_ in linked:
        assert after[id_]["text"] == before[id_]["text"]
        assert after[id_]["keywords"] == before[id_]["keywords"]
        assert "glitter" in after[id_]["context"]
    elsewhere = {row["context"] for id_, row in after.items() if id_ not in linked | {joined}}
    assert not any("glitter" in context for context in elsewhere)


def test_a_memory_shows_all_its_links(pipeline):
    """A-MEM cut to the best k before it added what is linked to them."""
    pipeline.under(Preset.AMEM)
    for place in range(6):
        pipeline.say(f"I ride my bicycle to town number {place}.", session=f"s{place}", at=START + place * HOUR)
    pipeline.settle()
    pairs = pipeline.rows("SELECT id, from_id, to_id FROM links")
    with pipeline.db.transaction(pipeline.user()) as conn:
        for row in pipeline.rows("SELECT id FROM memories"):
            shown = {link.id for link in links.of_memory(conn, pipeline.user(), row["id"])}
            assert shown == {p["id"] for p in pairs if row["id"] in {p["from_id"], p["to_id"]}}
    assert len(pairs) > 6


def test_a_note_of_a_deleted_memory_does_not_live_on_in_its_neighbours(pipeline):
    """What is derived from a memory goes with it (peers delete rows and keep derived text)."""
    pipeline.under(Preset.AMEM)
    pipeline.say("I play the cello in Xanadu.", "I practise the cello.")
    pipeline.settle()
    rows = {row["text"]: row for row in pipeline.rows("SELECT id, text, context FROM memories")}
    assert "xanadu" in rows["The user practises the cello."]["context"]
    with pipeline.db.transaction(pipeline.user()) as conn:
        gone = rows["The user plays the cello in Xanadu."]["id"]
        memories.delete(conn, pipeline.project, gone, order(TargetKind.MEMORY, gone), KEY, versions=None)
    assert "xanadu" not in str(pipeline.rows("SELECT text, keywords, tags, context FROM memories")).casefold()
    pipeline.settle()
    (kept,) = pipeline.rows("SELECT id, version, keywords, context FROM memories WHERE status = 'active'")
    assert (kept["keywords"], kept["context"]) == (["practises", "cello"], "")
    assert pipeline.points().get(kept["id"]) == kept["version"], "found by its own words again"


def test_what_is_replaced_is_retired_with_what_replaces_it_or_not_at_all(pipeline, monkeypatch):
    """CAIM deleted rows before the answer that was to replace them had come."""
    pipeline.say("I live in Ghent.")
    pipeline.settle()
    pipeline.say("I moved to Porto.", session="s2", at=START + HOUR)

    def broken(*_args):
        raise RuntimeError("the last write fails")

    with monkeypatch.context() as patch:
        patch.setattr(links, "insert", broken)
        pipeline.run()
    assert pipeline.rows("SELECT text, status, version FROM memories") == [
        {"text": "The user lives in Ghent.", "status": "active", "version": 1}
    ]
    pipeline.settle()
    assert {row["status"] for row in pipeline.rows("SELECT status FROM memories")} == {"active", "superseded"}


def test_what_is_near_in_words_ends_nothing(pipeline):
    """Graphiti let a model invalidate what was merely alike: two of five facts, most of them by collateral."""
    said = (
        "I live in Ghent.",
        "My sister Anna lives in Porto.",
        "My colleague Anna lives in Riga.",
        "My parents live in Bruges.",
        "I work in Antwerp.",
        "I was born in Lisbon.",
        "My sister Anna works in Porto.",
        "I visited Porto last week.",
    )
    for place, turn in enumerate(said):
        pipeline.say(turn, session=f"s{place}", at=START + place * HOUR)
        pipeline.settle()
    statuses = Counter(row["status"] for row in pipeline.rows("SELECT status FROM memories"))
    assert statuses == {"active": len(said)}
