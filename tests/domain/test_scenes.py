from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.domain.blocks import BlockKey, BlockKind, block_lines
from app.domain.memory import MemoryType
from app.domain.policy import DEFAULT, PRESETS, Preset
from app.domain.scenes import heat, hot, scenes_of
from app.domain.tidying import KeptMemory

AT = datetime(2026, 3, 1, tzinfo=UTC)
POLICY = DEFAULT.scenes


def kept(number: int, angle: float, day: float, text: str = "The user plays the cello.", **fields) -> KeptMemory:
    """A memory whose meaning is a direction in a plane, in degrees."""
    turn = np.radians(angle)
    memory = KeptMemory(
        id=UUID(int=number),
        type=MemoryType.FACT,
        text=text,
        attribute=None,
        occurred_at=AT + timedelta(days=day),
        valid_to=None,
        importance=0.5,
        confidence=0.7,
        stability=1.0,
        use_count=0.0,
        sessions=("s1",),
        entities=(),
        dense=np.array([np.cos(turn), np.sin(turn)], dtype=np.float32),
    )
    return replace(memory, **fields)


def members(memories, policy=POLICY) -> list[list[int]]:
    return [[id_.int for id_ in scene.memories] for scene in scenes_of(memories, policy) if scene.memories]


def test_what_is_near_in_meaning_and_time_is_one_scene():
    assert members([kept(1, 0, 0), kept(2, 20, 3), kept(3, 90, 3), kept(4, 10, 30)]) == [[1, 2], [3], [4]]


def test_the_gap_counts_from_the_last_member():
    assert members([kept(n, 0, 5 * n) for n in range(1, 5)]) == [[1, 2, 3, 4]]


def test_scenes_that_are_related_share_a_wider_one():
    found = scenes_of([kept(1, 0, 0), kept(2, 0, 40), kept(3, 90, 40)], POLICY)
    (wide,) = [scene for scene in found if not scene.memories]
    assert [scene.parent_id for scene in found if scene.memories] == [wide.id, wide.id, None]
    assert (wide.first_at, wide.last_at) == (AT, AT + timedelta(days=40))


def test_a_scene_is_named_and_summed_up_by_its_own_words():
    memories = [
        kept(1, 0, 0, "Anna plays the cello in Ghent."),
        kept(2, 10, 1, "Anna bought a cello."),
        kept(3, 20, 2, "The cello of Anna is old."),
        kept(4, 120, 2, "Anna likes soup."),
    ]
    cello = scenes_of(memories, POLICY)[0]
    assert cello.keywords[0] == "cello"
    assert cello.summary == "Anna bought a cello."
    assert "user" not in cello.keywords


def test_heat_is_visits_size_and_recency():
    assert heat(2.0, 3, AT, AT, POLICY) == 6.0
    assert heat(2.0, 3, AT, AT + timedelta(days=700), POLICY) < 5.001


def test_hot_scenes_make_the_summary_of_the_user():
    memories = [kept(n, 0, 0) for n in range(1, 6)] + [kept(9, 90, 0)]
    warm = hot(scenes_of(memories, POLICY), POLICY)
    assert [len(scene.memories) for scene in warm] == [5]
    lines = block_lines(memories, DEFAULT.blocks, warm)[BlockKey("", BlockKind.SUMMARY)]
    assert [line.memory_id for line in lines] == [warm[0].central]


def test_without_scenes_and_without_vectors_there_are_none():
    assert scenes_of([kept(1, 0, 0)], PRESETS[Preset.MEM0].scenes) == []
    assert scenes_of([kept(1, 0, 0, dense=None)], POLICY) == []


@given(
    st.lists(st.tuples(st.integers(0, 359), st.integers(0, 40)), max_size=20).flatmap(
        lambda rows: st.permutations([kept(n + 1, angle, day) for n, (angle, day) in enumerate(rows)])
    )
)
def test_the_order_of_arrival_does_not_matter(memories):
    def seen(rows):
        return [(s.id, s.parent_id, s.memories, s.central, s.label) for s in scenes_of(rows, POLICY)]

    assert seen(memories) == seen(sorted(memories, key=lambda m: m.id))
    assert sorted(i for group in members(memories) for i in group) == sorted(m.id.int for m in memories)


def test_shared_words_bring_together_what_cosine_alone_would_not():
    """MemoryOS weighs a keyword set that it leaves empty; here it counts, and only where the policy says so."""
    apart = [
        kept(1, 0, 0, "Anna plays the cello."),
        kept(2, 60, 1, "Anna plays cello music."),
        kept(3, 140, 2, "Soup."),
    ]
    assert members(apart) == [[1], [2], [3]]
    weighed = POLICY.model_copy(update={"word_overlap": 1.0})
    assert members(apart, weighed) == [[1, 2], [3]]


@given(st.floats(0.0, 1.0))
def test_scenes_can_always_nest(cosine):
    """MemTree's threshold rises above one at the second level, so that nothing joins there."""
    policy = POLICY.model_copy(update={"cosine": cosine * 0.999})
    found = scenes_of([kept(1, 0, 0), kept(2, 0, 40)], policy)
    assert len({scene.parent_id for scene in found if scene.memories}) == 1
    assert any(not scene.memories for scene in found)
