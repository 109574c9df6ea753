from dataclasses import replace
from functools import partial
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from app.domain.change import Decision, Neighbour
from app.domain.dates import CalendarDate
from app.domain.decide import decide
from app.domain.memory import MemoryStatus, MemoryType
from app.domain.normalise import text_hash
from app.domain.policy import DEFAULT
from tests.support.candidates import of, said, stored
from workers.consolidate.apply import decide_all

RULES = DEFAULT.decide


def known(candidate, **changes) -> Neighbour:
    """The memory that this candidate has become."""
    made = Neighbour(
        id=uuid4(),
        version=1,
        type=candidate.type,
        text=candidate.text,
        text_hash=text_hash(candidate.text),
        subject=candidate.subject,
        attribute=candidate.attribute,
        value=candidate.value,
        single_valued=candidate.single_valued,
        negated=candidate.negated,
        status=MemoryStatus.ACTIVE,
        frozen=False,
        live_from=candidate.occurred_at,
        live_until=None,
        last_said_at=candidate.occurred_at,
        event_ids=frozenset(candidate.event_ids),
    )
    return replace(made, **changes)


def test_the_same_words_are_ignored_and_strengthen():
    old = known(said("The user lives in Porto."))
    change = decide(said("the user lives in Porto", 3), [old], RULES)
    assert (change.decision, change.strengthens, change.adds) == (Decision.IGNORE, old.id, False)


def test_the_same_words_of_a_superseded_memory_are_new():
    old = known(said("The user lives in Porto."), status=MemoryStatus.SUPERSEDED)
    assert decide(said("The user lives in Porto.", 3), [old], RULES).decision is Decision.ADD


def test_another_value_of_a_single_valued_attribute_supersedes():
    old = known(of("home", "Warsaw"))
    change = decide(of("home", "Porto", 9), [old], RULES)
    assert (change.decision, change.ends, change.reason) == (Decision.SUPERSEDE, (old.id,), "new_value")
    assert change.valid_to == CalendarDate.parse("2025-05-10")


def test_the_end_of_the_old_value_is_the_start_of_the_new_one():
    since = CalendarDate.parse("2025-04")
    change = decide(replace(of("home", "Porto", 9), valid_from=since), [known(of("home", "Warsaw"))], RULES)
    assert change.valid_to == since


def test_an_older_statement_that_arrives_late_is_history():
    current = known(of("home", "Porto", 9))
    change = decide(of("home", "Warsaw", 1), [current], RULES)
    assert (change.decision, change.reason, change.ends) == (Decision.SUPERSEDE, "arrived_late", ())
    assert (change.live_until, change.superseded_by) == (current.live_from, current.id)
    assert change.adds


def test_another_value_of_a_multi_valued_attribute_is_added():
    old = known(of("language", "French", single=False))
    assert decide(of("language", "Dutch", 1, single=False), [old], RULES).decision is Decision.ADD


def test_the_same_value_in_other_words_is_ignored():
    old = known(replace(of("home", "porto"), text="The user now lives in Porto."))
    change = decide(replace(of("home", "porto", 2), text="The user is lives in Porto these days."), [old], RULES)
    assert (change.decision, change.reason) == (Decision.IGNORE, "same_value")


def test_the_same_value_with_more_about_it_takes_the_place_of_less():
    old = known(replace(of("home", "porto"), text="The user lives in Porto."))
    longer = replace(of("home", "porto", 2), text="The user lives in Porto with two cats.")
    change = decide(longer, [old], RULES)
    assert (change.decision, change.ends, change.inherits) == (Decision.SUPERSEDE, (old.id,), (old.id,))
    assert decide(replace(of("home", "porto", 3), text=old.text), [known(longer)], RULES).decision is Decision.IGNORE


def test_a_third_person_never_touches_the_user():
    old = known(of("home", "Porto"))
    other = replace(of("home", "Bath", 3), subject="user sister noor")
    assert decide(other, [old], RULES).decision is Decision.ADD


def test_a_plan_does_not_end_what_is_now():
    old = known(of("home", "Warsaw"))
    plan = replace(of("home", "Porto", 3), type=MemoryType.FORESIGHT)
    assert decide(plan, [old], RULES).decision is Decision.ADD


def test_a_frozen_memory_is_not_ended():
    old = known(of("home", "Warsaw"), frozen=True)
    change = decide(of("home", "Porto", 3), [old], RULES)
    assert (change.decision, change.reason) == (Decision.ADD, "frozen")


def test_a_policy_that_only_adds_never_supersedes():
    rules = RULES.model_copy(update={"add_only": True})
    assert decide(of("home", "Porto", 3), [known(of("home", "Warsaw"))], rules).decision is Decision.ADD


def test_a_denial_is_another_value():
    old = known(of("smoker", "yes"))
    denied = replace(of("smoker", "yes", 3), negated=True, text="The user does not smoke.")
    assert decide(denied, [old], RULES).decision is Decision.SUPERSEDE


def active(candidates) -> set[str]:
    """The texts believed at the end of one run over these candidates."""
    rules = partial(decide, policy=RULES)
    writes = decide_all([stored(c, i) for i, c in enumerate(candidates)], [], rules, uuid4)
    assert len(writes.decided) == len(candidates)
    live = [m for m in writes.new if m.status is MemoryStatus.ACTIVE]
    assert all(m.live_until is None for m in live)
    assert all(m.live_until is not None for m in writes.new if m not in live)
    texts = [m.candidate.text for m in live]
    assert len(texts) == len(set(texts))
    return set(texts)


statements = st.lists(
    st.tuples(st.sampled_from(["home", "employer"]), st.sampled_from("abcd"), st.integers(0, 60)),
    max_size=12,
    unique_by=lambda s: s[2],
)


@given(statements, st.randoms(use_true_random=False))
def test_the_end_does_not_depend_on_the_order_of_arrival(spoken, random):
    candidates = [of(attribute, value, day) for attribute, value, day in spoken]
    shuffled = list(candidates)
    random.shuffle(shuffled)
    latest = {a: (day, v) for a, v, day in sorted(spoken, key=lambda s: s[2])}
    assert active(shuffled) == active(candidates) == {f"The user has {a} {v}." for a, (_, v) in latest.items()}


@given(statements)
def test_saying_everything_again_changes_nothing(spoken):
    candidates = [of(attribute, value, day, event=uuid4()) for attribute, value, day in spoken]
    assert active([*candidates, *candidates]) == active(candidates)
