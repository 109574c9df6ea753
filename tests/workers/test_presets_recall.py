"""What presets do when they are asked: foresight only while it is ahead, quotas for types, several granularities. As in
test_presets, each setting is also taken back to the default (`off`), and then shows nothing.
"""

from datetime import timedelta

import pytest

from app.domain.memory import MemoryType
from app.domain.policy import PRESETS, Preset
from app.domain.query import Kind, Mode
from tests.support.candidates import said
from tests.support.consolidation import propose
from tests.workers.conftest import START

BOTH = pytest.mark.parametrize("off", [False, True], ids=["as it is", "taken back"])
DAY = timedelta(days=1)


@BOTH
def test_evermemos_makes_a_cell_with_its_episode_of_each_segment(pipeline, off):
    pipeline.under(Preset.EVERMEMOS, *["segment.episode_lines"] if off else [])
    pipeline.say(
        "I bought a red bicycle.", "I rode my bicycle to work.", "I repaired my bicycle.", "I sold my bicycle."
    )
    pipeline.settle()
    cells = pipeline.rows("SELECT title, summary, dense IS NOT NULL AS placed FROM segments ORDER BY started_at")
    assert cells[0]["title"] == "I bought a red bicycle."
    facts = [row["text"] for row in pipeline.rows("SELECT text FROM memories ORDER BY occurred_at, id")]
    for cell in cells:
        assert (cell["summary"] != "", cell["placed"]) == (not off, not off)
    told = " ".join(cell["summary"] for cell in cells)
    assert sum(fact in told for fact in facts) == (0 if off else min(len(facts), 3 * len(cells)))


@BOTH
def test_evermemos_foresees_only_what_is_ahead(pipeline, off):
    pipeline.under(Preset.EVERMEMOS, *["recall.current_foresight"] if off else [])
    pipeline.say("I am going to visit Oslo next week.")
    pipeline.settle()
    (plan,) = pipeline.rows("SELECT id, type, valid_from, valid_to FROM memories")
    assert (plan["type"], plan["valid_from"], plan["valid_to"]) == ("foresight", "2026-03-02", "2026-03-08")

    def foreseen(day: int) -> bool:
        return plan["id"] in {item.id for item in pipeline.ask("What about Oslo?", now=START + day * DAY).items}

    assert foreseen(1)
    assert foreseen(7)
    assert foreseen(8) == off
    assert "Oslo" in pipeline.ask("What about Oslo?", now=START + 30 * DAY).context.text, "the turn is still there"


@pytest.fixture
def drowned(pipeline):
    """Sixty facts that are near the question, and one procedure that is less so."""
    facts = [
        said(f"The user prints the report on printer number {n}.", event=e) for n, e in enumerate(heard(pipeline, 60))
    ]
    (event,) = heard(pipeline, 1, session="s2")
    steps = said("To change the toner, the user opens the flap first.", event=event, type=MemoryType.PROCEDURE)
    propose(pipeline.db, pipeline.user(), [*facts, steps])
    pipeline.run()
    return pipeline


def heard(pipeline, count, session="s1"):
    ids = pipeline.say(*["Mhm."] * count, session=session)
    pipeline.run()
    return ids


@BOTH
def test_engram_searches_every_type_and_lets_none_take_all_places(drowned, off):
    drowned.under(Preset.ENGRAM, *["recall.type_candidates", "recall.type_share"] if off else [])
    result = drowned.ask("How does the user print the report on the printer?", mode=Mode.FAST)
    memories = [item for item in result.items if item.kind is Kind.MEMORY]
    types = [item.type for item in memories]
    assert len(result.items) == 10
    assert ("procedure" in types) == (not off)
    assert types.count("fact") == (10 if off else 8), "20 of 25"
    best_first = sorted(memories, key=lambda item: -item.score)
    assert result.items[: len(memories)] == best_first, "before any turn, however good that is"


def test_engram_gives_the_budget_to_every_type_first(drowned):
    drowned.under(Preset.ENGRAM)
    question = "How does the user print the report on the printer?"
    assert "flap" in drowned.ask(question, mode=Mode.FAST, max_tokens=120).context.text
    drowned.under(Preset.ENGRAM, "recall.type_share")
    assert "flap" not in drowned.ask(question, mode=Mode.FAST, max_tokens=120).context.text


def test_engram_fills_up_where_there_is_one_type_only(drowned):
    drowned.under(Preset.ENGRAM)
    with drowned.db.transaction(drowned.user()) as conn:
        conn.execute("UPDATE memories SET status = 'archived' WHERE type = 'procedure'")
    items = drowned.ask("printer", mode=Mode.FAST, limit=20).items
    assert len(items) == 20
    assert PRESETS[Preset.ENGRAM].recall.type_share < 1.0


@BOTH
def test_memgas_a_turn_gains_from_its_segment_and_its_scene(pipeline, off):
    pipeline.under(Preset.MEMGAS, *["recall.granularity"] if off else [])
    bland = "That was the best part of the whole day."
    pipeline.say("I watched the whales from the boat.", "The whales jumped out of the sea.", bland)
    for place, turn in enumerate(("I baked rye bread.", "I waxed the floor.", "I paid the electricity bill.")):
        pipeline.say(turn, "The kitchen is small.", session=f"other{place}", at=START + (place + 1) * DAY)
    pipeline.settle()
    assert pipeline.rows("SELECT 1 FROM scenes")
    items = pipeline.ask("How was watching the whales in the sea?", mode=Mode.FAST, limit=20, now=START + 5 * DAY).items
    order = [item.text for item in items]
    gains = {item.text: item.scores.get("granularity") for item in items}
    if off:
        assert set(gains.values()) == {None}
    else:
        assert gains[bland] > max(gain for text, gain in gains.items() if "whale" not in text and text != bland)
    assert any("whales" in text for text in order[:2])
