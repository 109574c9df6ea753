"""Scenes that are too large are split, near ones joined, deterministically."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.domain.policy import DEFAULT
from app.domain.scenes import scenes_of
from tests.support.sleeping import as_kept, slept

POLICY = DEFAULT.scenes


def scenes(angles, policy=POLICY, days=None):
    memories = [
        as_kept(slept(n, "The user plays the cello.", angle=angle, day=days[n - 1] if days else 0))
        for n, angle in enumerate(angles, 1)
    ]
    return scenes_of(memories, policy)


def sizes(found):
    return sorted(len(scene.memories) for scene in found if scene.memories)


def test_a_large_scene_is_split_by_its_meaning_and_its_parts_share_a_parent():
    found = scenes([0.0] * 12 + [30.0] * 12)
    assert sizes(found) == [12, 12]
    assert len({scene.parent_id for scene in found if scene.memories}) == 1
    assert sizes(scenes([0.0] * 12 + [30.0] * 12, POLICY.model_copy(update={"max_members": 0}))) == [24]


def test_one_of_equal_meanings_is_split_by_time():
    assert sizes(scenes([0.0] * 21)) == [10, 11]


def test_near_scenes_that_came_about_apart_are_joined():
    angles = [0.0, 20.0, 10.0, 12.0]
    apart = scenes(angles, POLICY.model_copy(update={"cosine": 0.97, "merge_cosine": 1.0}))
    joined = scenes(angles, POLICY.model_copy(update={"cosine": 0.97, "merge_cosine": 0.95}))
    assert len(sizes(joined)) < len(sizes(apart))
    far = scenes([0.0, 0.0], POLICY, days=[0, 40])
    assert sizes(far) == [1, 1]  # too long ago


@given(st.lists(st.integers(0, 90), min_size=1, max_size=70), st.integers(1, 20))
def test_no_scene_is_larger_than_allowed_and_no_memory_is_lost(angles, most):
    policy = POLICY.model_copy(update={"max_members": most})
    found = scenes([float(a) for a in angles], policy)
    assert max(sizes(found)) <= most
    assert sorted(i.int for scene in found for i in scene.memories) == list(range(1, len(angles) + 1))
    assert [s.id for s in found] == [s.id for s in scenes([float(a) for a in angles], policy)]
    assert all(np.isfinite(scene.centroid).all() for scene in found)
