"""What sleep puts together, and what it must not."""

from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.dates import CalendarDate
from app.domain.memory import MemoryType
from app.domain.sameness import contained, opposite
from app.domain.sleep_merge import merges
from tests.support.sleeping import AT, slept

TURN = frozenset({UUID(int=77)})


def gone(*memories, fragments: bool = True) -> dict[int, int]:
    """Which memory goes into which."""
    return {g.id.int: m.kept.int for m in merges(memories, 0.95, fragments=fragments) for g in m.gone}


def test_the_one_said_first_stays():
    assert gone(slept(2, "The user really loves jazz.", day=1), slept(1, "The user loves jazz.")) == {2: 1}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The user is allergic to nuts.", "The user is not allergic to nuts."),
        ("The user leaves on 3 May.", "The user leaves on 4 May."),
        ("The user has two cats.", "The user has three cats."),
        ("The user's sister is Anna.", "The user's sister is Maria."),
        ("The user moved to Porto.", "The user moved from Porto."),
    ],
)
def test_cosine_alone_merges_nothing(one, other):
    assert gone(slept(1, one), slept(2, other)) == {}


@pytest.mark.parametrize(
    "differs",
    [
        {"frozen": True},
        {"negated": True},
        {"subject": "anna"},
        {"agent_id": "a2"},
        {"type": MemoryType.PREFERENCE},
        {"valid_to": CalendarDate.parse("2026-05")},
        {"event_time": CalendarDate.parse("2026-05-03")},
        {"expires_at": AT},
        {"angle": 40.0},
    ],
)
def test_what_is_said_of_somebody_or_some_time_else_stays(differs):
    assert gone(slept(1, "The user loves jazz."), slept(2, "The user loves jazz.", day=1, **differs)) == {}


def test_secrets_are_never_touched():
    secret = {"type": MemoryType.SECRET}
    assert gone(slept(1, "The code is blue.", **secret), slept(2, "The code is blue.", **secret)) == {}


def test_a_fragment_of_the_same_turn_goes_into_the_fuller_statement_and_is_history_from_then_on():
    fragment = slept(1, "The user planted tomatoes.", angle=60, event_ids=TURN)
    fuller = slept(2, "The user planted tomatoes in the garden.", day=0.01, event_ids=TURN)
    ((merge),) = merges([fragment, fuller], 0.95, fragments=True)
    assert (merge.kept, merge.gone[0].id, merge.gone[0].reason) == (fuller.id, fragment.id, "contained")
    assert merge.gone[0].until == AT + timedelta(days=0.01)
    assert gone(fragment, fuller, fragments=False) == {}


@pytest.mark.parametrize(
    "differs",
    [
        {"event_ids": frozenset({UUID(int=78)})},
        {"text": "The user may have planted tomatoes in the garden."},
        {"text": "The user never planted tomatoes in the garden."},
        {"text": "Tom planted tomatoes in the garden of the user."},
        {"text": "The user planted 20 tomatoes in the garden."},
        {"type": MemoryType.FORESIGHT},
        {"subject": "tom"},
    ],
)
def test_a_fragment_stays_where_the_other_does_not_say_all_of_it(differs):
    fragment = slept(1, "The user planted tomatoes.", angle=60, event_ids=TURN)
    fuller = slept(2, "The user planted tomatoes in the garden.")
    values = {"event_ids": TURN, "text": fuller.text} | differs
    text = values.pop("text")
    assert gone(fragment, slept(2, text, **values)) == {}


def test_a_key_of_a_fragment_is_not_lost():
    keyed = {"attribute": "hobby", "value": "tomatoes", "event_ids": TURN}
    fragment = slept(1, "The user plants tomatoes.", angle=60, **keyed)
    assert gone(fragment, slept(2, "The user plants tomatoes in the garden.", event_ids=TURN)) == {}
    assert gone(fragment, slept(2, "The user plants tomatoes in the garden.", **keyed)) == {1: 2}


def test_what_goes_points_at_what_stays_in_the_end():
    first = slept(1, "The user plants tomatoes.", event_ids=TURN)
    again = slept(2, "The user really plants tomatoes.", day=1)
    fuller = slept(3, "The user plants tomatoes in the garden.", angle=60, event_ids=TURN)
    assert gone(first, again, fuller) == {1: 3, 2: 3}


def test_opposites_differ_by_a_negation_only():
    assert opposite("The user likes tea.", "The user does not like tea.")
    assert not opposite("The user likes tea.", "The user likes tea.")
    assert not opposite("The user likes tea.", "The user does not like coffee.")
    assert not opposite("The user has 2 cats.", "The user does not have 3 cats.")


NOUNS = ("red", "green", "loud", "quick", "garden", "tomato", "piano", "river")
WORDS = st.lists(st.sampled_from(NOUNS), min_size=2, max_size=6)


@given(WORDS, WORDS)
def test_containment_is_an_order(one, other):
    fragment, fuller = "The user " + " ".join(one), "The user " + " ".join(other)
    assert not contained(fragment, fragment)
    assert not (contained(fragment, fuller) and contained(fuller, fragment))


@given(
    st.lists(
        st.tuples(
            st.sampled_from(("loves jazz", "really loves jazz", "loves tea", "loves jazz now")), st.integers(0, 9)
        ),
        max_size=12,
    ).flatmap(lambda rows: st.permutations(list(enumerate(rows, 1))))
)
def test_merges_do_not_depend_on_order_and_leave_nothing_twice(rows):
    memories = [slept(number, f"The user {text}.", day=day) for number, (text, day) in rows]
    found = gone(*memories)
    assert found == gone(*sorted(memories, key=lambda m: m.id))
    assert not set(found) & set(found.values())
    left = [m for m in memories if m.id.int not in found]
    assert gone(*left) == {}
