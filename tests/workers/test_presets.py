"""Each preset of the policy runs the whole stream and shows what makes it what it is, as far as its settings go."""

from datetime import timedelta

import pytest

from app.domain.policy import PRESETS, Preset
from app.services import policy as policies
from tests.workers.conftest import START

TOPICS = (
    "Loving jazz.",
    "I live in Ghent.",
    "I play the cello in an orchestra.",
    "I practise the cello every evening.",
    "My sister Maria is allergic to peanuts.",
    "I bought a new cello last month.",
    "I work as a nurse.",
    "I teach the cello to children.",
    "I play the cello with my neighbours.",
    "I repaired my old cello.",
    "I like the sound of the cello.",
    "I am going to visit Oslo next week.",
)


class Stream:
    """The stream under one preset: two days of turns, then a correction."""

    def __init__(self, pipeline, preset: Preset) -> None:
        self._pipeline = pipeline
        with pipeline.db.transaction(pipeline.project) as conn:
            policies.put(conn, pipeline.project, preset.value, None)
        pipeline.say(*TOPICS)
        self._settle()
        pipeline.say("I moved to Porto.", session="s2", at=START + timedelta(days=1))
        self._settle()

    def _settle(self) -> None:
        self._pipeline.run()
        with self._pipeline.db.transaction(self._pipeline.user()) as conn:
            conn.execute("UPDATE work SET run_after = now()")
        self._pipeline.run()

    def rows(self, statement: str) -> list[dict]:
        return self._pipeline.rows(statement)

    def sizes(self) -> list[int]:
        found = self.rows(
            "SELECT cardinality(event_ids) AS n FROM segments WHERE session_id = 's1' ORDER BY started_at"
        )
        return [row["n"] for row in found]

    def active(self) -> str:
        return " ".join(row["text"] for row in self.rows("SELECT text FROM memories WHERE status = 'active'"))

    def scenes(self) -> int:
        return self.rows("SELECT count(*) AS n FROM scenes")[0]["n"]

    def blocks(self) -> set[tuple[str, str]]:
        return {(row["kind"], row["session_id"]) for row in self.rows("SELECT kind, session_id FROM blocks")}

    def reasons(self) -> dict[str, str]:
        return {e.content: e.skip_reason for e in self._pipeline.events() if e.skip_reason}


@pytest.fixture
def stream(pipeline, request):
    stream = Stream(pipeline, request.param)
    assert {event.state.value for event in pipeline.events()} == {"processed"}
    assert pipeline.rows("SELECT 1 FROM work") == []
    assert "Porto" in stream.active()
    return stream


def under(preset: Preset):
    return pytest.mark.parametrize("stream", [preset], indirect=True, ids=[preset.value])


@under(Preset.DEFAULT)
def test_default_updates_and_derives(stream):
    assert "Ghent" not in stream.active()
    assert stream.reasons().get("Loving jazz.") != "too_short"
    assert stream.scenes() > 0
    assert {("profile", ""), ("summary", "s1"), ("summary", "s2")} <= stream.blocks()


@under(Preset.MEM0)
def test_mem0_extracts_and_decides_and_derives_nothing(stream):
    assert "Ghent" not in stream.active()
    assert stream.scenes() == 0
    assert stream.blocks() == set()


@under(Preset.AMEM)
def test_amem_keeps_everything_and_links_it(stream):
    assert "Ghent" in stream.active()
    assert stream.scenes() == 0
    weights = [row["weight"] for row in stream.rows("SELECT weight FROM links WHERE type = 'similar'")]
    assert any(PRESETS[Preset.AMEM].decide.link_cosine <= weight for weight in weights)


@under(Preset.MEMORYBANK)
def test_memorybank_reads_a_day_at_once_into_summary_and_portrait(stream):
    assert stream.sizes() == [len(TOPICS)]
    assert {("profile", ""), ("summary", "s1")} <= stream.blocks()


@under(Preset.MEMORYOS)
def test_memoryos_queues_seven_turns_and_promotes_the_hot_scene(stream):
    assert max(stream.sizes()) <= 7
    assert stream.scenes() > 0
    assert ("summary", "") in stream.blocks()


@under(Preset.LIGHTMEM)
def test_lightmem_passes_over_short_turns(stream):
    assert stream.reasons()["Loving jazz."] == "too_short"


@under(Preset.SIMPLEMEM)
def test_simplemem_gates_and_cuts_by_size_alone(stream):
    assert stream.reasons()["Loving jazz."] == "too_short"
    assert stream.sizes() == [10, 2]


@under(Preset.EVERMEMOS)
def test_evermemos_has_cells_scenes_and_foresight(stream):
    assert stream.sizes()
    assert stream.scenes() > 0
    assert [row["type"] for row in stream.rows("SELECT type FROM memories WHERE strpos(text, 'Oslo') > 0")] == [
        "foresight"
    ]


@under(Preset.ENGRAM)
def test_engram_has_typed_memories_that_go_first(stream):
    assert stream.scenes() == 0
    assert len({row["type"] for row in stream.rows("SELECT type FROM memories")}) >= 2
    assert PRESETS[Preset.ENGRAM].recall.memories_first


@under(Preset.MEMGAS)
def test_memgas_has_several_granularities(stream):
    for table in ("events", "segments", "memories", "scenes", "blocks"):
        assert stream.rows(f"SELECT 1 FROM {table}"), table
    sizes = stream.rows("SELECT count(*) AS n FROM scene_members GROUP BY scene_id")
    assert max(row["n"] for row in sizes) > 1
