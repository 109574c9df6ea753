"""Each preset runs the whole stream and shows what makes it what it is; with the setting that does it taken back to the
default, the same stream shows nothing of it (`off`). What presets do at recall is in test_presets_recall.
"""

from datetime import datetime, timedelta, timezone

import numpy as np
import pytest

from app.domain.event import EventState
from app.domain.notes import Note, memory_text
from app.domain.policy import PRESETS, Preset
from app.domain.query import Mode
from app.domain.work import WorkKind
from app.services import policy as policies
from app.storage import work
from app.storage.vectors import from_half
from tests.workers.conftest import START

BOTH = pytest.mark.parametrize("off", [False, True], ids=["as it is", "taken back"])
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ACTIVE = "SELECT text FROM memories WHERE status = 'active' ORDER BY occurred_at, id"


def active(pipeline) -> list[str]:
    return [row["text"] for row in pipeline.rows(ACTIVE)]


def sizes(pipeline) -> list[int]:
    return [
        row["n"]
        for row in pipeline.rows("SELECT cardinality(event_ids) AS n FROM segments ORDER BY session_id, started_at")
    ]


def block(pipeline, kind: str) -> list[str] | None:
    rows = pipeline.rows(
        "SELECT ARRAY(SELECT m.text FROM jsonb_array_elements(b.lines) WITH ORDINALITY AS l (line, place)"
        " JOIN memories m ON m.id = (l.line ->> 'memory_id')::uuid ORDER BY place) AS texts"
        " FROM blocks b WHERE session_id = '' AND kind = %s",
        values=(kind,),
    )
    return rows[0]["texts"] if rows else None


def states(pipeline) -> set[str]:
    return {event.state for event in pipeline.events()}


@pytest.mark.parametrize("preset", PRESETS, ids=[preset.value for preset in PRESETS])
def test_every_preset_understands_and_leaves_nothing_behind(pipeline, preset):
    with pipeline.db.transaction(pipeline.project) as conn:
        policies.put(conn, pipeline.project, preset.value, None)
    pipeline.say("I live in Ghent with my sister Maria.", "My sister Maria is allergic to peanuts.")
    later = pipeline.later(HOUR)  # whatever waits for quiet has had it
    later.settle()
    later.settle()
    assert states(pipeline) == {EventState.PROCESSED}
    assert pipeline.rows("SELECT kind FROM work") == []
    assert any("peanuts" in text for text in active(pipeline))
    assert "Maria" in pipeline.ask("Who is allergic?").context.text


@BOTH
def test_mem0_decides_each_statement_and_derives_nothing(pipeline, off):
    pipeline.under(Preset.MEM0, *["scenes.enabled", "blocks.profile_lines"] if off else [])
    pipeline.say("I live in Ghent.", "I have a cat.", "My dentist appointment is on 3 June.", "No, I meant 4 June.")
    pipeline.say("I live in Ghent.", session="s2", at=START + DAY)
    pipeline.say("I moved to Porto.", session="s3", at=START + 2 * DAY)
    pipeline.settle()
    decisions = {row["decision"] for row in pipeline.rows("SELECT decision FROM candidates")}
    assert decisions == {"add", "ignore", "supersede", "invalidate"}
    assert (bool(pipeline.rows("SELECT 1 FROM scenes")), block(pipeline, "profile") is not None) == (off, off)


@BOTH
def test_mem0_reads_with_the_last_ten_messages_in_view(pipeline, off):
    pipeline.under(Preset.MEM0, *["extract.context_events"] if off else [])
    pipeline.say("My sister Maria lives in Ghent.", *(f"I saw bird number {n}." for n in range(8)))
    pipeline.settle()
    pipeline.say("She is allergic to peanuts.", at=START + timedelta(minutes=12))
    pipeline.settle()
    assert ("The user's sister Maria is allergic to peanuts." in active(pipeline)) == (not off)


@BOTH
def test_amem_a_memory_that_joins_refreshes_the_notes_of_those_it_is_linked_to(pipeline, off):
    pipeline.under(Preset.AMEM, *["notes.evolve"] if off else [])
    pipeline.say("I play the cello in an orchestra.", "I am allergic to peanuts.", "I live in Ghent.")
    pipeline.settle()
    notes = "SELECT id, text, version, keywords, tags, context FROM memories ORDER BY occurred_at, id"
    cello, *others = pipeline.rows(notes)
    assert cello["keywords"] == ["plays", "cello", "orchestra"]
    pipeline.say("I practise the cello with Maria every evening.", "I moved to Porto.", session="s2", at=START + DAY)
    pipeline.settle()
    refreshed, *same, joined, _ = pipeline.rows(notes)
    assert refreshed["text"] == cello["text"]
    assert "The user lives in Ghent." in active(pipeline), "nothing that was noted is superseded"
    vector = pipeline.rows("SELECT dense FROM vectors WHERE target_id = %s", values=(cello["id"],))[0]["dense"]
    found_by = cello["text"]
    if off:
        assert refreshed == cello
    else:
        assert refreshed["version"] == cello["version"] + 1
        assert "cello" in refreshed["tags"]
        assert refreshed["context"].split(", ") == ["evening", "maria", "practises"]
        assert joined["context"] == "orchestra, plays"
        found_by = memory_text(cello["text"], Note((), tuple(refreshed["tags"]), refreshed["context"]))
    tagged = memory_text(cello["text"], Note((), tuple(cello["tags"])))
    expected = pipeline.context.encoder.encode([tagged if off else found_by])[0]
    assert float(np.dot(from_half(vector), expected)) == pytest.approx(1.0, abs=1e-2), "embedded as it reads now"
    assert pipeline.points()[cello["id"]] == refreshed["version"], "and indexed so"
    unlinked = {row["id"] for row in pipeline.rows("SELECT from_id AS id FROM links UNION SELECT to_id FROM links")}
    assert [row for row in same if row["id"] not in unlinked] == [r for r in others if r["id"] not in unlinked]


@BOTH
def test_memorybank_reads_a_local_day_at_once(pipeline, off):
    pipeline.under(Preset.MEMORYBANK, *["segment.by_day"] if off else [])
    here = timezone(timedelta(hours=9))
    for hour in (7, 15, 23, 24, 33):  # of a day in Tokyo, and of the next; in UTC the night belongs to the day before
        pipeline.say(f"I saw bird number {hour}.", at=datetime(2026, 3, 1, tzinfo=here) + timedelta(hours=hour))
    pipeline.settle()
    assert sizes(pipeline) == ([5] if off else [3, 2])


@BOTH
def test_memorybank_sums_up_each_day_and_draws_the_portrait_from_the_days(pipeline, off):
    pipeline.under(Preset.MEMORYBANK, *["blocks.daily_lines", "blocks.profile_from"] if off else [])
    instruments = ("cello", "viola", "flute", "harp", "oboe", "horn", "tuba", "drums")
    pipeline.say(*(f"I play the {name}." for name in instruments))
    pipeline.say("I live in Ghent.", session="s2", at=START + DAY)
    pipeline.settle()
    portrait = block(pipeline, "profile")
    first, second = block(pipeline, "day:2026-03-01"), block(pipeline, "day:2026-03-02")
    lines = PRESETS[Preset.MEMORYBANK].blocks.daily_lines
    if off:
        assert (first, second) == (None, None)
        assert len(portrait) == len(instruments) + 1
    else:
        assert len(first) == lines
        assert second == ["The user lives in Ghent."]
        assert len(portrait) == lines + 1
        assert "The user lives in Ghent." in portrait
        assert len(block(pipeline, "summary")) == 2, "a line for each day"
    context = pipeline.ask("food?", mode=Mode.FAST, limit=1).context
    assert ("user_summary" in {section.name for section in context.sections}) == (not off)


@BOTH
def test_memoryos_queues_seven_turns_to_a_segment(pipeline, off):
    pipeline.under(Preset.MEMORYOS, *["extract.buffer_events"] if off else [])
    turns = [f"I saw bird number {n}." for n in range(12)]
    for place, turn in enumerate(turns):
        pipeline.say(turn, at=START + timedelta(minutes=place))
        pipeline.run()
    assert sizes(pipeline) == ([1] * 12 if off else [7])
    pipeline.later(HOUR).settle()
    assert sizes(pipeline) == ([1] * 12 if off else [7, 5])
    assert states(pipeline) == {EventState.PROCESSED}


@BOTH
def test_memoryos_promotes_a_scene_once_it_is_hot_and_not_before(pipeline, off):
    pipeline.under(Preset.MEMORYOS, *["blocks.profile_from"] if off else [])
    cello = ["I play the cello.", "I practise the cello.", "I love the cello.", "I teach the cello."]
    pipeline.say(*cello, "I am allergic to peanuts.")
    pipeline.later(HOUR).settle()
    profile = block(pipeline, "profile")
    assert (profile is not None and "The user plays the cello." in profile) == off
    pipeline.say("I own a cello.", "I like my cello.", session="s2", at=START + HOUR)
    pipeline.later(HOUR).settle()
    assert "The user plays the cello." in block(pipeline, "profile")
    assert ("The user is allergic to peanuts." in block(pipeline, "profile")) == off, "that scene is cold"
    assert "Summary so far" in pipeline.ask("music?", mode=Mode.FAST).context.text


@BOTH
def test_lightmem_gathers_a_buffer_before_it_reads(pipeline, off):
    pipeline.under(Preset.LIGHTMEM, *["extract.buffer_tokens"] if off else [])
    pipeline.say("My cello teacher is called Zephyrine.")
    pipeline.run()
    assert bool(pipeline.rows("SELECT 1 FROM segments")) == off
    found = [item.text for item in pipeline.ask("Who is Zephyrine?").items]
    assert found == ["My cello teacher is called Zephyrine."] or off, "recalled as a raw turn meanwhile"
    pipeline.say(*(f"We talked at length about bird number {n}, which I saw near the old mill." for n in range(30)))
    pipeline.run()
    assert states(pipeline) == {EventState.PROCESSED}, "512 tokens have gathered"
    assert any("Zephyrine" in text for text in active(pipeline))


def test_lightmem_reads_a_part_of_a_buffer_when_a_client_waits_or_nothing_more_comes(pipeline):
    pipeline.under(Preset.LIGHTMEM)
    pipeline.say("I play the cello in Ghent.")
    pipeline.run()
    assert states(pipeline) == {EventState.PENDING}
    (unit,) = pipeline.rows("SELECT kind, extract(epoch FROM run_after - now())::float AS due_in FROM work")
    assert unit["kind"] == "extract"
    assert unit["due_in"] == pytest.approx(PRESETS[Preset.LIGHTMEM].extract.buffer_seconds, abs=10)
    with pipeline.db.transaction(pipeline.user()) as conn:
        work.enqueue(conn, pipeline.user(), WorkKind.EXTRACT, session_id="s1", urgent=True)
    pipeline.run()
    assert states(pipeline) == {EventState.PROCESSED}
    pipeline.say("I am allergic to peanuts now.", session="s2")
    pipeline.run()
    pipeline.later(HOUR).settle()
    assert states(pipeline) == {EventState.PROCESSED}


@BOTH
def test_lightmem_adds_by_day_and_decides_asleep(pipeline, off):
    pipeline.under(Preset.LIGHTMEM, *["decide.asleep"] if off else [])
    later = pipeline.later(HOUR)
    pipeline.say("I live in Ghent near the canal.", "I have two black cats.")
    pipeline.say("I live in Ghent near the canal.", session="s2", at=START + DAY)
    pipeline.say("I have moved to Porto.", session="s3", at=START + 2 * DAY)
    for _ in range(2):  # what is due, and what was held back for a buffer
        later.run(WorkKind.EXTRACT, WorkKind.CONSOLIDATE, WorkKind.INDEX)
    assert states(pipeline) == {EventState.PROCESSED}, "sleep holds nothing back"
    ghent = "The user lives in Ghent near the canal."
    assert (ghent in active(pipeline)) != off, "only added so far"
    later.settle()
    later.settle()
    assert ghent not in active(pipeline)
    (home,) = [text for text in active(pipeline) if "Porto" in text]
    old, new = (pipeline.rows("SELECT * FROM memories WHERE text = %s", values=(text,))[0] for text in (ghent, home))
    assert (old["status"], old["superseded_by"], old["live_until"]) == ("superseded", new["id"], new["live_from"])
    assert old["stability"] == 2.0, "said twice"
    assert pipeline.rows("SELECT 1 FROM candidates WHERE reason = 'put_off' OR state = 'open'") == []
    assert pipeline.points()[old["id"]] == old["version"]
    if not off:
        added, ended = pipeline.rows(
            "SELECT change, status, recorded_until FROM memory_versions WHERE memory_id = %s AND change <> 'strengthen'"
            " ORDER BY version",
            values=(old["id"],),
        )
        assert (added["change"], added["status"]) == ("add", "active")
        assert (ended["change"], ended["status"], ended["recorded_until"]) == ("supersede", "superseded", None)


@BOTH
def test_simplemem_does_not_read_a_window_that_brings_nothing_new(pipeline, off):
    pipeline.under(Preset.SIMPLEMEM, *["gate.novelty"] if off else [])
    pipeline.say("I play the cello in the town orchestra.", "We practise the cello on Monday evenings.")
    pipeline.settle()
    known = active(pipeline)
    pipeline.say("In the evenings I practise the cello.", at=START + timedelta(minutes=10))
    pipeline.settle()
    assert {event.content: event.skip_reason for event in pipeline.events()}[
        "In the evenings I practise the cello."
    ] == (None if off else "nothing_new")
    assert (active(pipeline) == known) == (not off)
    assert "In the evenings I practise the cello." in pipeline.ask("cello evenings").context.text
    pipeline.say("My sister Maria is allergic to peanuts.", at=START + timedelta(minutes=20))
    pipeline.settle()
    assert "The user's sister Maria is allergic to peanuts." in active(pipeline)


def test_simplemem_restates_so_that_a_statement_stands_alone(pipeline):
    pipeline.under(Preset.SIMPLEMEM)
    pipeline.say("My sister Maria lives in Ghent.", "She moved there last Friday.", "I saw the sea yesterday.")
    pipeline.settle()
    told = " ".join(active(pipeline))
    assert "The user's sister Maria moved there on 27 February 2026." in told
    assert "28 February 2026" in told
    assert not {"she", "her", "i", "yesterday", "last"} & set(told.casefold().replace(".", " ").split())
