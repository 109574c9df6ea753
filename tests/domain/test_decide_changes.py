"""Corrections, endings, retractions, vague statements and other words: what a statement does to earlier ones."""

from dataclasses import replace
from functools import partial
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.change import Decision, Neighbour
from app.domain.dates import CalendarDate
from app.domain.decide import decide
from app.domain.memory import MemoryStatus, MemoryType
from app.domain.normalise import text_hash
from app.domain.policy import DEFAULT
from app.domain.sameness import same_meaning
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


def over(attribute, value, day, text="That is over."):
    return replace(of(attribute, value, day, single=False), text=text, ends=True)


def test_a_correction_invalidates_what_it_corrects_and_is_kept():
    wrong = known(of("appointment", "monday"))
    other = known(of("home", "porto"))
    change = decide(replace(of("appointment", "tuesday", 1), correction=True), [wrong, other], RULES)
    assert (change.decision, change.reason, change.invalidates) == (Decision.INVALIDATE, "corrected", (wrong.id,))
    assert change.ends == ()
    assert change.adds


def test_a_correction_of_an_event_without_a_key_finds_the_statement_it_is_about():
    event = uuid4()
    meeting = known(said("The user meets Rosa on Monday at noon.", event=event))
    trip = known(said("The user flies to Oslo in June.", event=event))
    fixed = replace(said("The user meets Rosa on Tuesday at noon.", 1), correction=True, corrects=(event,))
    assert decide(fixed, [meeting, trip], RULES).invalidates == (meeting.id,)


def test_a_corrected_figure_finds_the_figure_it_corrects():
    event = uuid4()
    flats = known(said("The user's society has 64 flats.", event=event))
    fee = known(said("The user's maintenance is Rs 4,200 per month.", event=event))
    fixed = replace(said("It is 4,500 from 3 January 2024.", 1), correction=True, corrects=(event,))
    assert decide(fixed, [flats, fee], RULES).invalidates == (fee.id,)


def test_a_corrected_figure_without_its_event_is_looked_for_in_the_session():
    fee = known(said("The user's maintenance is Rs 4,200 per month."), session_id="s1")
    fixed = replace(said("It is 4,500 from January 2024.", 1), correction=True)
    assert decide(fixed, [fee], RULES).invalidates == (fee.id,)
    assert decide(fixed, [replace(fee, session_id="s2")], RULES).invalidates == ()
    assert decide(fixed, [fee, replace(fee, id=uuid4())], RULES).invalidates == ()


def test_a_correction_that_fits_nothing_invalidates_nothing():
    event = uuid4()
    memories = [known(said(text, event=event)) for text in ("The user flies to Oslo.", "The user owns a boat.")]
    unclear = replace(said("Rosa was born in 1990.", 1), correction=True, corrects=(event,))
    change = decide(unclear, memories, RULES)
    assert (change.decision, change.invalidates) == (Decision.ADD, ())


def test_a_correction_of_one_of_several_values_touches_the_last_one_only():
    first, last = known(of("pet", "rex", single=False)), known(of("pet", "max", 1, single=False))
    change = decide(replace(of("pet", "mox", 2, single=False), correction=True), [first, last], RULES)
    assert change.invalidates == (last.id,)


def test_an_ended_state_is_invalidated_and_the_ending_is_kept():
    car, boat = known(of("vehicle", "red car", single=False)), known(of("vehicle", "boat", single=False))
    change = decide(over("vehicle", "car", 5), [car, boat], RULES)
    assert (change.decision, change.reason, change.invalidates) == (Decision.INVALIDATE, "ended", (car.id,))
    assert change.valid_to == CalendarDate.parse("2025-05-06")
    assert change.adds


def test_an_ending_that_may_mean_two_things_ends_neither():
    cars = [known(of("vehicle", value, single=False)) for value in ("red car", "blue car")]
    assert decide(over("vehicle", "car", 5), cars, RULES).invalidates == ()


def test_an_ending_without_a_value_ends_all_that_is_but_no_plan():
    home = known(of("relationship", "engaged"))
    plan = known(replace(of("relationship", "married"), type=MemoryType.FORESIGHT))
    assert decide(over("relationship", None, 5), [home, plan], RULES).invalidates == (home.id,)


def test_an_ending_finds_the_state_that_was_said_without_its_key():
    car, boat = known(said("The user has a small red Volvo.")), known(said("The user has a boat."))
    wish = known(said("The user saw a Volvo."))
    sold = replace(over("has", "volvo", 5), text="The user sold the Volvo.")
    assert decide(sold, [car, boat, wish], RULES).invalidates == (car.id,)
    late = decide(
        said("The user has a small red Volvo."), [known(replace(sold, type=MemoryType.EPISODE, negated=True))], RULES
    )
    assert (late.reason, late.live_until) == ("arrived_late", sold.occurred_at)


@pytest.mark.parametrize(
    ("text", "thing", "subject"),
    [
        ("The user takes folic acid every morning.", "folic acid", "user"),
        ("The user's team uses Jenkins for all builds.", "jenkins", "user team"),
        ("The user's phone is a Pixel 6 and the battery dies by lunch.", "pixel 6", "user"),
    ],
)
def test_what_is_finished_with_or_replaced_ends_the_state_that_used_it(text, thing, subject):
    state = known(said(text))
    ending = replace(over("does", thing, 3), subject=subject)
    assert decide(ending, [state], RULES).invalidates == (state.id,)
    assert decide(replace(ending, subject="anna"), [state], RULES).invalidates == ()


def test_an_ending_with_an_empty_value_ends_any():
    home = known(of("relationship", "engaged"))
    assert decide(over("relationship", "", 5), [home], RULES).invalidates == (home.id,)


def test_an_ending_of_somebody_else_leaves_the_user_alone():
    mine = known(of("relationship", "married"))
    theirs = replace(over("relationship", None, 5), subject="user sister noor")
    assert decide(theirs, [mine], RULES).invalidates == ()


def test_an_ending_does_not_end_what_was_said_after_it():
    later = known(of("vehicle", "car", 9, single=False))
    assert decide(over("vehicle", "car", 5), [later], RULES).invalidates == ()


def test_what_is_taken_back_goes_and_nothing_else():
    event, other = uuid4(), uuid4()
    gone = known(said("The user plans a party.", event=event))
    shared = known(said("The user likes tea.", event=event), event_ids=frozenset({event, other}))
    frozen = known(said("The user has a brother.", event=event), frozen=True)
    apart = known(said("The user lives in Porto.", event=other))
    change = decide(replace(said("Scrap that.", 1), retracts=(event,)), [gone, shared, frozen, apart], RULES)
    assert (change.decision, change.invalidates, change.adds) == (Decision.INVALIDATE, (gone.id,), False)
    nothing = decide(replace(said("Scrap that.", 1), retracts=(uuid4(),)), [gone, apart], RULES)
    assert (nothing.decision, nothing.reason, nothing.adds) == (Decision.IGNORE, "nothing_to_take_back", False)


def test_what_a_model_names_is_replaced_whatever_its_key():
    old, mine = known(said("The user eats meat.")), known(of("home", "porto"))
    frozen = known(said("The user is a cook."), frozen=True)
    later, theirs = known(said("The user is vegan.", 9)), known(replace(of("diet", "meat"), subject="anna"))
    everything = [old, mine, frozen, later, theirs]
    change = replace(of("diet", "vegetarian", 5), targets=(old.id, frozen.id, later.id, theirs.id, uuid4()))
    change = decide(change, everything, RULES)
    assert (change.decision, change.reason, change.ends) == (Decision.SUPERSEDE, "replaces", (old.id,))
    stopped = replace(said("The user stopped eating meat.", 5), ends=True, targets=(old.id,))
    assert decide(stopped, everything, RULES).invalidates == (old.id,)
    fixed = replace(said("The user eats fish.", 5), correction=True, targets=(old.id,))
    assert decide(fixed, everything, RULES).invalidates == (old.id,)


@pytest.mark.parametrize(
    ("attribute", "precise", "vague"), [("home", "lisbon", "portugal"), ("employer", "acme labs", "tech")]
)
def test_a_vague_value_does_not_supersede_a_precise_one(attribute, precise, vague):
    change = decide(of(attribute, vague, 5), [known(of(attribute, precise))], RULES)
    assert (change.decision, change.reason) == (Decision.ADD, "less_precise")


def test_a_vague_value_with_a_change_does():
    moved = replace(of("home", "germany", 5), text="The user moved to Germany.")
    assert decide(moved, [known(of("home", "lisbon"))], RULES).decision is Decision.SUPERSEDE


def test_a_part_of_the_known_value_adds_nothing():
    fine = known(of("home", "lisbon portugal"))
    change = decide(of("home", "lisbon", 5), [fine], RULES)
    assert (change.decision, change.strengthens) == (Decision.IGNORE, fine.id)
    finer = decide(of("home", "lisbon portugal", 5), [known(of("home", "lisbon"))], RULES)
    assert (finer.reason, len(finer.inherits)) == ("says_more", 1)


def near(text, **changes):
    return known(said(text), cosine=0.99, **changes)


def test_other_words_for_the_same_strengthen_and_keep_the_newest_wording():
    old = near("The user loves hiking in the mountains.")
    change = decide(said("The user enjoys hiking in the mountains.", 3), [old], RULES)
    assert (change.decision, change.strengthens, change.reason) == (Decision.MERGE, old.id, "same_meaning")
    assert change.text == "The user enjoys hiking in the mountains."
    earlier = decide(said("The user enjoys hiking in the mountains.", -3), [old], RULES)
    assert (earlier.decision, earlier.strengthens) == (Decision.IGNORE, old.id)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The user is allergic to nuts.", "The user is not allergic to nuts."),
        ("The user has a date on 3 May.", "The user has a date on 4 May."),
        ("The user's sister Anna came.", "The user's sister Maria came."),
        ("The user runs 5 km.", "The user runs 10 km."),
        ("Anna hired Ben.", "Ben hired Anna."),
        ("The user eats before the walk.", "The user eats after the walk."),
        ("The user likes coffee.", "The user hates coffee."),
        ("The user's sister likes jazz.", "The user's brother likes jazz."),
    ],
)
def test_cosine_alone_never_decides(one, other):
    assert not same_meaning(one, other)
    assert decide(said(other, 3), [near(one)], RULES).decision is Decision.ADD


def test_the_same_words_of_another_type_or_below_the_threshold_are_not_the_same():
    text, other = "The user loves hiking.", "The user enjoys hiking."
    assert same_meaning(text, other)
    assert decide(said(other, 3), [near(text, type=MemoryType.PREFERENCE)], RULES).decision is Decision.ADD
    assert decide(said(other, 3), [near(text, subject="anna")], RULES).decision is Decision.ADD
    assert decide(said(other, 3), [known(said(text), cosine=0.94)], RULES).decision is Decision.ADD


def active(candidates) -> set[str]:
    """The texts believed at the end of one run over these candidates, in this order."""
    writes = decide_all([stored(c, i) for i, c in enumerate(candidates)], [], partial(decide, policy=RULES), uuid4)
    texts = [m.candidate.text for m in writes.new if m.status is MemoryStatus.ACTIVE]
    assert len(texts) == len(set(texts))
    kept = {m.id for m in writes.new}
    assert all(m.superseded_by in kept for m in writes.new if m.superseded_by is not None)
    return set(texts)


def spoken_of(kind, value, day):
    if kind == "over":
        return replace(over("pet", value, day, f"{value} is gone."), type=MemoryType.FACT)
    if kind == "pet":
        return of("pet", value, day, single=False)
    if kind == "moved":
        return replace(of("home", value, day), text=f"The user has moved to {value}.")
    return of(kind, value, day)


statements = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["pet", "over"]), st.sampled_from(["rex", "max"]), st.integers(0, 60)),
        st.tuples(st.just("home"), st.sampled_from(["lisbon", "porto", "portugal", "germany"]), st.integers(0, 60)),
        st.tuples(st.just("employer"), st.sampled_from(["acme", "tech"]), st.integers(0, 60)),
    ),
    max_size=12,
    unique_by=lambda s: s[2],
)


@given(statements, st.randoms(use_true_random=False))
def test_the_end_does_not_depend_on_the_order_of_arrival(spoken, random):
    candidates = [spoken_of(*statement) for statement in spoken]
    in_time = sorted(candidates, key=lambda c: c.occurred_at)
    shuffled = list(candidates)
    random.shuffle(shuffled)
    assert active(shuffled) == active(in_time)


@given(statements)
def test_saying_everything_twice_changes_nothing(spoken):
    candidates = [spoken_of(*statement) for statement in spoken]
    assert active([*candidates, *candidates]) == active(candidates)


def test_a_retraction_that_names_its_memory_leaves_the_others_of_its_event():
    event = uuid4()
    dog, home = known(said("The user has a dog.", event=event)), known(of("home", "porto", event=event))
    taken = replace(said("The dog is taken back.", 1), retracts=(event,), targets=(dog.id,))
    assert decide(taken, [dog, home], RULES).invalidates == (dog.id,)
    assert set(decide(replace(taken, targets=()), [dog, home], RULES).invalidates) == {dog.id, home.id}
