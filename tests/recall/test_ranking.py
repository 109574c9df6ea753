"""Ranking: memories take the place of their turns, duplicates go, pending turns with a rare word come first."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from app.domain.event import EventState
from app.domain.fusion import Evidence, floor, standard
from app.domain.lexical import query_vector
from app.domain.pending import PendingScore
from app.domain.query import Kind, understand
from app.domain.ranking import rank
from tests.support.ranked import EVIDENCE, MOVED, NOW, OTHER, PLAN, SMALL, WEIGHTS, WORDS, candidates, event, memory


def test_items_follow_the_evidence_and_scores_the_rank():
    items = rank(PLAN, WORDS, candidates([SMALL, OTHER, MOVED], evidence=EVIDENCE), WEIGHTS, NOW, 10)
    assert [item.id for item in items] == [MOVED.id, OTHER.id, SMALL.id]
    assert items[0].score > items[1].score > items[2].score
    assert all(0 <= item.score <= 1 for item in items)
    assert {"dense", "sparse", "entity", "time", "retention"} <= set(items[0].scores)


def test_a_memory_that_covers_its_turn_takes_its_place():
    fact = memory(9, "Anna moved to Lisbon in May 2025.", MOVED)
    evidence = EVIDENCE | {fact.id: Evidence(0.6, 4.5)}
    items = rank(PLAN, WORDS, candidates([MOVED, OTHER, SMALL], [fact], evidence), WEIGHTS, NOW, 10)
    assert [(item.kind, item.id) for item in items] == [
        (Kind.MEMORY, fact.id),
        (Kind.EVENT, OTHER.id),
        (Kind.EVENT, SMALL.id),
    ]
    assert items[0].turn_ids == (MOVED.id,)


def test_a_memory_of_another_part_of_the_turn_does_not_hide_it():
    fact = memory(9, "Anna's flat is tiny.", MOVED)
    evidence = EVIDENCE | {fact.id: Evidence(0.2, None)}
    items = rank(PLAN, WORDS, candidates([MOVED, OTHER], [fact], evidence), WEIGHTS, NOW, 10)
    assert [item.id for item in items] == [MOVED.id, OTHER.id]


def test_a_memory_without_what_is_wanted_does_not_hide_the_turn_that_holds_it():
    turn = event(2, "I used to smoke but I stopped in 2019.")
    fact = memory(9, "The user used to smoke.", turn)
    evidence = {turn.id: Evidence(0.5, 3.0), fact.id: Evidence(0.6, 3.0)}
    for question, shown in (("When did I stop smoking?", turn.id), ("Do I smoke?", fact.id)):
        plan, words = understand(question, (), NOW), query_vector(question)
        items = rank(plan, words, candidates([turn], [fact], evidence), WEIGHTS, NOW, 10)
        assert [item.id for item in items] == [shown]


def test_two_memories_of_one_turn_stay_two_items():
    facts = [memory(8, "Anna moved to Lisbon.", MOVED), memory(9, "Anna moved to a tiny flat.", MOVED)]
    evidence = EVIDENCE | {facts[0].id: Evidence(0.6, 5.0), facts[1].id: Evidence(0.5, 4.0)}
    items = rank(PLAN, WORDS, candidates([MOVED, OTHER], facts, evidence), WEIGHTS, NOW, 10)
    assert [item.id for item in items] == [facts[0].id, facts[1].id, OTHER.id]


def test_no_event_beside_a_memory_that_cites_it():
    fact = memory(9, "Anna moved to Lisbon, into a flat with a river view.", OTHER, MOVED)
    evidence = EVIDENCE | {fact.id: Evidence(0.6, 6.0)}
    items = rank(PLAN, WORDS, candidates([MOVED, OTHER, SMALL], [fact], evidence), WEIGHTS, NOW, 10)
    assert [item.id for item in items] == [fact.id, SMALL.id]
    assert items[0].turn_ids == (MOVED.id, OTHER.id)


def test_a_memory_without_turns_is_an_item_of_its_own():
    fact = memory(9, "Anna moved to Lisbon.")
    items = rank(
        PLAN, WORDS, candidates([OTHER, SMALL], [fact], EVIDENCE | {fact.id: Evidence(0.7, 6.0)}), WEIGHTS, NOW, 10
    )
    assert items[0].id == fact.id


def test_what_was_said_before_is_not_said_again():
    again = event(4, "the flat has a VIEW of the river!")
    evidence = EVIDENCE | {again.id: Evidence(0.39, 2.0, 4.0)}
    items = rank(PLAN, WORDS, candidates([MOVED, OTHER, again], evidence=evidence), WEIGHTS, NOW, 10)
    assert [item.id for item in items] == [MOVED.id, OTHER.id]


@pytest.mark.parametrize("place", [0, 20, 40])
def test_a_pending_turn_with_a_rare_word_comes_first(place):
    turns = [event(i + 10, f"turn {i} about moving") for i in range(40)]
    evidence = {t.id: Evidence(0.9, 20.0, 20.0) for t in turns}
    fresh = event(99, "zephyrine", name=None, state=EventState.PENDING)
    turns.insert(place, fresh)
    pending = {fresh.id: PendingScore(3.0, 3.0, 4.0)}
    assert rank(PLAN, WORDS, candidates(turns, evidence=evidence, pending=pending), WEIGHTS, NOW, 5)[0].id == fresh.id


def test_a_time_in_the_question_boosts_and_never_filters():
    plan = understand("What did Anna do on 2 May 2025?", {"Anna"}, NOW)
    other = replace(OTHER, occurred_at=datetime(2025, 3, 1, tzinfo=UTC))
    found = candidates([MOVED, other], evidence={MOVED.id: Evidence(0.4, 2.0, 2.0), other.id: Evidence(0.41, 2.0, 2.0)})
    items = rank(plan, query_vector(plan.lexical), found, WEIGHTS, NOW, 10)
    assert [item.id for item in items] == [MOVED.id, other.id]


def test_nothing_found_is_nothing():
    assert rank(PLAN, WORDS, candidates(), WEIGHTS, NOW, 10) == []


def test_missing_scores():
    assert floor(np.array([]), limit=3, lexical=False) == 0
    assert floor(np.array([5.0, 2.0]), limit=3, lexical=True) == 0
    assert floor(np.array([5.0, 2.0]), limit=2, lexical=True) == 2.0
    assert floor(np.array([0.5, 0.2]), limit=3, lexical=False) == 0.2
    assert standard(np.array([3.0, 3.0])).tolist() == [0, 0]
