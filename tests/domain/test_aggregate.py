"""Groups of counted values: exact sums, units apart, nothing lost."""

from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from app.domain.aggregate import MOST_GROUPS, MOST_IDS, GroupBy, Mention, ValueCount, aggregate
from app.domain.amounts import read_amount

AT = datetime(2025, 5, 4, tzinfo=UTC)


def mentions(*days: int) -> tuple[Mention, ...]:
    return tuple(Mention(f"2025-05-{day:02}", AT, UUID(int=day)) for day in days)


def test_numbers_are_added_exactly_and_units_stay_apart():
    counts = [
        ValueCount(("anna",), "0.1 eur", 1),
        ValueCount(("anna",), "0.2 eur", 2),
        ValueCount(("anna",), "5 usd", 1),
        ValueCount(("anna",), "3", 1),
        ValueCount(("anna",), "a lot", 1),
        ValueCount(("anna",), None, 1),
    ]
    found = aggregate(counts, [GroupBy.SUBJECT], numeric=True)
    got = [(g.unit, g.count, g.not_numeric, g.total, g.low, g.high) for g in found.groups]
    assert got == [
        ("eur", 3, 0, Decimal("0.5"), Decimal("0.1"), Decimal("0.2")),
        (None, 3, 2, Decimal(3), Decimal(3), Decimal(3)),
        ("usd", 1, 0, Decimal(5), Decimal(5), Decimal(5)),
    ]
    assert (found.matched, found.not_numeric, found.truncated) == (7, 2, False)


def test_without_numbers_units_do_not_part_a_group():
    counts = [ValueCount((), "1 eur", 1), ValueCount((), "5 usd", 1), ValueCount((), None, 2)]
    (group,) = aggregate(counts, [], numeric=False).groups
    assert (group.count, group.unit, group.distinct_values) == (4, None, 2)


def test_one_and_many_are_one_unit():
    (group,) = aggregate([ValueCount((), "1 hour", 1), ValueCount((), "2 hours", 1)], [], numeric=True).groups
    assert (group.unit, group.total) == ("hour", Decimal(3))


def test_nothing_is_one_empty_group_or_none():
    (group,) = aggregate([], [], numeric=True).groups
    assert (group.count, group.total, group.low, group.newest) == (0, None, None, ())
    assert aggregate([], [GroupBy.TYPE], numeric=False).groups == ()


def test_the_latest_of_all_values_come_first():
    counts = [ValueCount((), "a", 2, mentions(9, 2)), ValueCount((), "b", 2, mentions(7, 3))]
    assert [i.int for i in aggregate(counts, [], numeric=False).groups[0].newest] == [9, 7, 3, 2]
    many = [ValueCount((), str(n), 1, mentions(n % 28 + 1)) for n in range(300)]
    assert len(aggregate(many, [], numeric=False).groups[0].newest) == MOST_IDS


def test_more_groups_than_an_answer_holds():
    counts = [ValueCount((f"{n:05}",), "x", 1 + (n == MOST_GROUPS)) for n in range(MOST_GROUPS + 1)]
    found = aggregate(counts, [GroupBy.VALUE], numeric=False)
    assert found.truncated
    assert len(found.groups) == MOST_GROUPS
    assert found.groups[0].key == ("01000",)
    assert found.matched == MOST_GROUPS + 2


values = st.one_of(
    st.none(),
    st.sampled_from(["tea", "two", "a lot"]),
    st.builds("{:f} {}".format, st.decimals(-9999, 9999, places=2), st.sampled_from(["eur", "usd", "kg"])),
)
counted = st.builds(ValueCount, st.tuples(st.sampled_from(["a", "b", None])), values, st.integers(1, 50))


@given(st.lists(counted, max_size=40))
def test_nothing_is_lost_and_every_sum_is_the_sum(counts):
    found = aggregate(counts, [GroupBy.SUBJECT], numeric=True)
    assert sum(group.count for group in found.groups) == found.matched == sum(c.count for c in counts)
    assert sum(group.not_numeric for group in found.groups) == found.not_numeric
    sums: Counter[tuple] = Counter()
    for c in counts:
        amount = read_amount(c.value) if c.value else None
        if amount is not None:
            sums[c.key, amount.unit] += Fraction(amount.number) * c.count
    got = {(g.key, g.unit): Fraction(g.total) for g in found.groups if g.total is not None}
    assert got == dict(sums)
