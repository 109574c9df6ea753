"""Answers over (subject, attribute, value): counts, sums and extremes of groups. Pure; storage counts the values."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Context, Decimal, Inexact
from enum import StrEnum
from heapq import nlargest
from uuid import UUID

from app.domain.amounts import read_amount, same_unit
from app.domain.query import Narrowing

MOST_GROUPS = 1_000  # of an answer; the largest ones are kept
MOST_IDS = 100  # memory ids of a group
EXACT = Context(prec=200, traps=[Inexact])  # numbers have at most 64 digits, so no sum is ever rounded


class GroupBy(StrEnum):
    SUBJECT = "subject"
    ATTRIBUTE = "attribute"
    VALUE = "value"
    TYPE = "type"
    YEAR = "year"
    MONTH = "month"


class AggregateFunction(StrEnum):
    COUNT = "count"
    SUM = "sum"
    MIN = "min"
    MAX = "max"
    LATEST = "latest"


NUMERIC = frozenset({AggregateFunction.SUM, AggregateFunction.MIN, AggregateFunction.MAX})


@dataclass(frozen=True, slots=True)
class AggregateQuery:
    """Which memories count, and by what they are grouped. Subject, attribute and value are normalised."""

    narrowing: Narrowing
    subject: str | None = None
    attribute: str | None = None
    value: str | None = None
    any_status: bool = False
    group_by: tuple[GroupBy, ...] = ()
    functions: frozenset[AggregateFunction] = frozenset({AggregateFunction.COUNT})


@dataclass(frozen=True, slots=True, order=True)
class Mention:
    """A memory by the time that it speaks of (a local calendar value), then the time at which it was said."""

    date: str
    occurred_at: datetime
    memory_id: UUID


@dataclass(frozen=True, slots=True)
class ValueCount:
    """How many memories of a group have one value; `newest` are the latest of them."""

    key: tuple[str | None, ...]
    value: str | None
    count: int
    newest: tuple[Mention, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """What is known of the memories with one key and, where numbers were asked for, one unit."""

    key: tuple[str | None, ...]
    unit: str | None
    count: int
    distinct_values: int
    not_numeric: int
    total: Decimal | None
    low: Decimal | None
    high: Decimal | None
    newest: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class Aggregate:
    """The groups, the largest first; `matched` and `not_numeric` count memories, also those of groups left out."""

    groups: tuple[Group, ...]
    matched: int
    not_numeric: int
    truncated: bool


@dataclass(slots=True)
class _Tally:
    """A group while it is counted."""

    count: int = 0
    not_numeric: int = 0
    values: set[str] = field(default_factory=set)
    numbers: list[tuple[Decimal, int]] = field(default_factory=list)
    units: set[str] = field(default_factory=set)
    mentions: list[Mention] = field(default_factory=list)

    def add(self, counted: ValueCount, number: Decimal | None, unit: str | None) -> None:
        self.count += counted.count
        self.mentions += counted.newest
        if counted.value is not None:
            self.values.add(counted.value)
        if number is None:
            self.not_numeric += counted.count
        else:
            self.numbers.append((number, counted.count))
        if unit is not None:
            self.units.add(unit)

    def group(self, key: tuple[str | None, ...]) -> Group:
        numbers = [number for number, _ in self.numbers]
        return Group(
            key=key,
            unit=min(self.units, default=None),
            count=self.count,
            distinct_values=len(self.values),
            not_numeric=self.not_numeric,
            total=_total(self.numbers) if numbers else None,
            low=min(numbers, default=None),
            high=max(numbers, default=None),
            newest=tuple(mention.memory_id for mention in nlargest(MOST_IDS, self.mentions)),
        )


def aggregate(counts: Iterable[ValueCount], group_by: Sequence[GroupBy], *, numeric: bool) -> Aggregate:
    """Groups of the counted values. With `numeric`, amounts of different units are different groups; what states no
    amount stands with the bare numbers of its key. Without any `group_by` there is a group of everything.
    """
    tallies: dict[tuple[tuple[str | None, ...], str | None], _Tally] = {}
    for counted in counts:
        amount = read_amount(counted.value) if counted.value is not None else None
        unit = amount.unit if numeric and amount is not None else None
        tally = tallies.setdefault((counted.key, same_unit(unit)), _Tally())
        tally.add(counted, amount.number if amount is not None else None, unit)
    if not tallies and not group_by:
        tallies[(), None] = _Tally()
    groups = sorted((tally.group(key) for (key, _), tally in tallies.items()), key=_place)
    return Aggregate(
        groups=tuple(groups[:MOST_GROUPS]),
        matched=sum(tally.count for tally in tallies.values()),
        not_numeric=sum(tally.not_numeric for tally in tallies.values()),
        truncated=len(groups) > MOST_GROUPS,
    )


def _place(group: Group) -> tuple[int, list[tuple[bool, str]]]:
    return -group.count, [(part is None, part or "") for part in (*group.key, group.unit)]


def _total(numbers: Iterable[tuple[Decimal, int]]) -> Decimal:
    total = Decimal(0)
    for number, times in numbers:
        total = EXACT.add(total, EXACT.multiply(number, Decimal(times)))
    return total
