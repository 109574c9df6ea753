"""Links, contradictions, reflections, and the plan that leaves nothing to plan."""

from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from app.domain.policy import DEFAULT
from app.domain.sleep import AddLink, DropLink, Known, Merge, OldReflection, Reflect, SleepLink
from app.domain.sleep_links import contradictions, missing_links, wrong_links
from app.domain.sleep_plan import counts_of, merged, plan_of, without
from tests.support.sleeping import as_kept, slept


def link(one: int, other: int, type_: str = "similar", **fields) -> SleepLink:
    return SleepLink(uuid4(), UUID(int=one), UUID(int=other), type_, 0.9, **fields)


def plan(memories, links=(), reflections=None):
    known = Known(tuple(memories), tuple(links), reflections or {})
    return plan_of("p u", known, [as_kept(m) for m in memories], DEFAULT)


def test_a_memory_is_linked_to_the_nearest_that_were_there_before_it():
    memories = [slept(n, f"The user did thing {n}.", angle=5 * n) for n in range(1, 7)]
    found = missing_links(memories, [], 0.6)
    assert all(new.to_id < new.from_id for new in found)
    assert [new.to_id.int for new in found if new.from_id.int == 6] == [5, 4, 3]
    assert missing_links(memories, [link(6, 1), link(6, 2), link(6, 3)], 0.6)[-1].from_id.int == 5


def test_links_that_are_wrong_are_dropped_and_history_stays():
    memories = [slept(1, "a"), slept(2, "b", angle=80), slept(3, "c")]
    links = [
        link(2, 1),
        link(3, 1),
        link(1, 3),
        link(3, 9, "mentions", lasting=False),
        link(3, 9, "contradicts", lasting=False),
    ]
    assert [(d.from_id.int, d.to_id.int, d.reason) for d in wrong_links(memories, links, 0.6)] == [
        (2, 1, "not_near"),
        (3, 1, "doubled"),
        (3, 9, "end_is_gone"),
    ]


def test_a_link_on_the_edge_is_not_made_and_dropped_in_turns():
    memories = [slept(1, "a"), slept(2, "b", angle=60.002)]  # a cosine of .49997
    (new,) = missing_links(memories, [], 0.5)
    assert wrong_links(memories, [link(new.from_id.int, new.to_id.int)], 0.5) == []


def test_contradictions_are_noted_once():
    home = {"attribute": "home", "single_valued": True}
    memories = [
        slept(1, "The user lives in Porto.", value="porto", **home),
        slept(2, "The user lives in Ghent.", value="ghent", day=1, angle=90, **home),
        slept(3, "The user lives in Portugal.", value="portugal", day=2, angle=90, **home),
        slept(4, "Anna lives in Ghent.", value="ghent", subject="anna", angle=90, attribute="home", single_valued=True),
    ]
    (found,) = contradictions(memories, [])
    assert (found.from_id.int, found.to_id.int, found.reason) == (2, 1, "other_value")
    assert contradictions(memories, [link(1, 2, "contradicts")]) == []


def climbs(sessions: int):
    texts = ("went climbing", "bought climbing shoes", "climbing hurt", "won a climbing prize")
    return [slept(n + 1, f"The user {texts[n % 4]} {'again ' * n}.", angle=3 * n, day=n) for n in range(sessions)]


def reflections(found):
    return [action for action in found.actions if isinstance(action, Reflect)]


def test_three_sessions_make_a_reflection_and_two_do_not():
    assert reflections(plan(climbs(2))) == []
    (made,) = reflections(plan(climbs(3)))
    assert made.text == "The user has spoken of climbing in 3 conversations in March 2026."
    assert (made.version, len(made.members)) == (0, 3)


def test_words_that_every_statement_is_made_of_do_not_recur():
    texts = ("loves cheese", "loves rain", "loves maps")
    memories = [slept(n + 1, f"The user {text}.", angle=3 * n, day=n) for n, text in enumerate(texts)]
    assert reflections(plan(memories)) == []


def test_a_reflection_is_made_again_only_when_it_rests_on_more():
    (made,) = reflections(plan(climbs(3)))
    old = {made.id: OldReflection(made.id, 4, active=True, frozen=False, members=frozenset(i for i, _ in made.members))}
    assert reflections(plan(climbs(3), reflections=old)) == []
    (again,) = reflections(plan(climbs(4), reflections=old))
    assert (again.id, again.version) == (made.id, 4)
    ended = {made.id: OldReflection(made.id, 5, active=False, frozen=False, members=frozenset())}
    assert reflections(plan(climbs(4), reflections=ended)) == []


def test_no_more_reflections_than_the_policy_says():
    policy = DEFAULT.model_copy(update={"sleep": DEFAULT.sleep.model_copy(update={"reflections": 1})})
    memories = climbs(3) + [slept(n + 10, "The user plays chess.", angle=90, day=n) for n in range(4)]
    known = Known(tuple(memories))
    (made,) = [
        a for a in plan_of("p u", known, [as_kept(m) for m in memories], policy).actions if isinstance(a, Reflect)
    ]
    assert made.theme == "climbing" or made.sessions == 4


TEXTS = st.sampled_from(
    (
        "The user loves jazz.",
        "The user really loves jazz.",
        "The user loves loud jazz.",
        "The user does not love jazz.",
        "The user plays chess.",
        "The user went climbing.",
    )
)


@given(st.lists(st.tuples(TEXTS, st.integers(0, 3), st.integers(0, 6)), max_size=12))
def test_nothing_is_left_to_plan_after_a_plan(rows):
    """Also: what stays rests on every turn that anything rested on (SimpleMem drops them)."""
    memories = tuple(
        slept(n, text, angle=15 * turn, day=day, segment_ids=frozenset({UUID(int=500 + day)}))
        for n, (text, turn, day) in enumerate(rows, 1)
    )
    known = Known(memories)
    found = plan_of("p u", known, [as_kept(m) for m in memories], DEFAULT)
    after = merged(known, [a for a in found.actions if isinstance(a, Merge)])
    assert {e for m in after.memories for e in m.event_ids} == {e for m in memories for e in m.event_ids}
    after = without(after, [a for a in found.actions if isinstance(a, DropLink)])
    added = tuple(
        SleepLink(uuid4(), a.from_id, a.to_id, a.type, a.weight) for a in found.actions if isinstance(a, AddLink)
    )
    written = {
        a.id: OldReflection(a.id, 1, active=True, frozen=False, members=frozenset(i for i, _ in a.members))
        for a in found.actions
        if isinstance(a, Reflect)
    }
    after = Known(after.memories, (*after.links, *added), written)
    left = {m.id for m in after.memories}
    again = plan_of("p u", after, [as_kept(m) for m in after.memories if m.id in left], DEFAULT)
    assert counts_of(again.actions) == {}
