from datetime import UTC, datetime, timedelta
from uuid import uuid4

import numpy as np

from app.domain.event import Event, Role
from app.domain.policy import DEFAULT, Policy
from workers.extract.segmenter import segment

START = datetime(2025, 5, 7, 18, 0, tzinfo=UTC)


def turn(minute: float, content: str = "a word or two") -> Event:
    at = START + timedelta(minutes=minute)
    return Event(uuid4(), f"c{minute}", "u", "s", None, Role.USER, None, content, at, {}, int(minute), at)


def same(events) -> np.ndarray:
    """Vectors that all point the same way: one topic."""
    return np.tile(np.eye(1, 4, dtype=np.float32), (len(events), 1))


def sizes(events, vectors=None, policy: Policy = DEFAULT) -> list[int]:
    plans = segment(events, same(events) if vectors is None else vectors, policy)
    assert [event for plan in plans for event in plan.events] == list(events)
    return [len(plan.events) for plan in plans]


def test_a_long_pause_cuts():
    assert sizes([turn(0), turn(5), turn(40), turn(41)]) == [2, 2]


def test_ten_turns_are_enough():
    assert sizes([turn(i) for i in range(25)]) == [10, 10, 5]


def test_a_segment_stays_under_its_tokens():
    assert sizes([turn(i, "word " * 300) for i in range(5)]) == [2, 2, 1]


def test_one_turn_longer_than_a_segment_is_a_segment():
    assert sizes([turn(0, "word " * 3000), turn(1), turn(2)]) == [1, 2]


def test_a_new_topic_cuts_and_small_talk_does_not():
    events = [turn(i) for i in range(8)]
    vectors = same(events) + np.random.default_rng(1).normal(0, 0.01, (8, 4)).astype(np.float32)
    vectors[4:] = vectors[4:, ::-1]
    assert sizes(events, vectors) == [4, 4]
    still = DEFAULT.model_copy(update={"segment": DEFAULT.segment.model_copy(update={"topic_drift": False})})
    assert sizes(events, vectors, still) == [8]


def test_nothing_gives_nothing():
    assert segment([], np.zeros((0, 4), dtype=np.float32), DEFAULT) == []


def test_a_segment_says_what_it_is_about_without_secrets():
    events = [turn(0, "my pin is 4312 for the garden gate"), turn(1, "the garden needs a gate")]
    [plan] = segment(events, same(events), DEFAULT)
    assert "4312" not in plan.title
    assert plan.keywords[:2] == ("garden", "gate")
    assert plan.participants == ("user",)
