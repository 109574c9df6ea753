"""The order of candidates: one blend over turns and memories, memories folded into the turns they rest on, and the
items that an answer shows. Pure; used by recall and by the offline check in `bench/`.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import NamedTuple
from uuid import UUID

import numpy as np

from app.domain import succession
from app.domain.alike import Told
from app.domain.asking import Wanted
from app.domain.columns import SHOWN, Weights, blended, columns_of
from app.domain.fusion import Vector, squash
from app.domain.linked import gained
from app.domain.query import Kind, QueryPlan
from app.domain.signals import named
from app.domain.sparse import SparseVector
from app.domain.units import Candidates, Unit

# A memory stands for its turn when it holds nearly as much of what the question asks as the turn itself.
COVERS_TEXT = 0.6
COVERS_DENSE = 0.0
FURTHER = 0.3  # what a further memory of a turn that has its place already stands behind: other turns are news
LOOKED_AT = 4  # units for each item
MEMORIES_PER_TURN = 2  # items that one turn may give
TURN = "turn"
LIFT = 0.1  # between two pending turns that go before everything else


@dataclass(frozen=True, eq=False)
class Table:
    """Candidates with their columns; `total` is by row."""

    found: Candidates
    columns: Mapping[str, Vector]
    raw: Mapping[str, Vector]
    total: Sequence[float]
    plan: QueryPlan
    repeated: list[int] = field(default_factory=list)  # rows that say what a better one says

    @cached_property
    def shown(self) -> tuple[list[str], Vector]:
        """The names of the scores that an answer shows, and these for each row."""
        scores = {**self.raw, **{name: self.columns[name] for name in SHOWN}}
        return list(scores), np.round(np.array(list(scores.values())), 4).T

    def is_turn(self, row: int) -> bool:
        """Whether a row is a turn."""
        return self.found.rows[row].unit.event is not None


@dataclass(frozen=True, eq=False)
class Item:
    """One place in the answer: the row that is shown, and that which it stands for, whose signals gave it its place."""

    total: float
    turn_ids: tuple[UUID, ...]  # the turns that it leads back to, best first
    row: int
    stands_for: int
    table: Table = field(repr=False)
    second: float | None = None  # what a second model scored it, where one was asked
    placed: float | None = None  # the total of the place that this gave it

    @property
    def unit(self) -> Unit:
        """What is shown."""
        return self.table.found.rows[self.row].unit

    @property
    def kind(self) -> Kind:
        return Kind.MEMORY if self.unit.memory else Kind.EVENT

    @property
    def id(self) -> UUID:
        return self.unit.id

    @property
    def type(self) -> str:
        """The type of a memory; turns are a type of their own."""
        return self.unit.memory.type.value if self.unit.memory else TURN

    @property
    def score(self) -> float:
        """Between 0 and 1, in the order of the totals."""
        return squash(self.total if self.placed is None else self.placed)

    @property
    def dense(self) -> float:
        """The cosine to the question; 0 where it is not known."""
        row = self.table.found.rows[self.row]
        unknown = row.pending is not None and row.evidence.dense is None
        return 0.0 if unknown else round(float(self.table.raw["dense"][self.row]), 4)

    @cached_property
    def scores(self) -> dict[str, float]:
        """What an answer shows: the raw scores, and those of the signals that tell most."""
        table = self.table
        names, shown = table.shown
        scores: dict[str, float] = dict(zip(names, shown[self.row].tolist(), strict=True))
        scores["dense"] = self.dense
        scores["entity"] = round(named(self.unit, table.plan), 4)
        if table.found.segments.scores or table.found.scenes.scores:
            scores["granularity"] = round(self.signal("granularity"), 4)
        if self.second is not None:
            scores["rerank"] = round(self.second, 4)
        return scores

    def signal(self, name: str) -> float:
        """A weighted signal of what it stands for."""
        return float(self.table.columns[name][self.stands_for])

    @property
    def columns(self) -> dict[str, float]:
        """Every weighted signal."""
        return {name: self.signal(name) for name in self.table.columns}


def rank(  # noqa: PLR0913, PLR0917 - the question, what was found, and what to judge it by
    plan: QueryPlan, words: SparseVector, found: Candidates, weights: Weights, now: datetime, limit: int
) -> list[Item]:
    """The best `limit` candidates as items, best first. A kept memory takes the place of the turns it rests on."""
    if not found.rows:
        return []
    table = _table(plan, words, found, weights, now)
    units = [row for row, turns in enumerate(found.cites) if not turns]  # a memory whose turn is there stands behind it
    units.sort(key=lambda row: -table.total[row])
    if weights.recall.memories_first:
        units.sort(key=lambda row: table.is_turn(row) and not found.cited[row])
    # Places beyond these are not looked at: what is deferred or dropped among the first never needs so many.
    chosen = list(_chosen(table, units[: LOOKED_AT * limit]))
    if weights.recall.memories_first:
        chosen.sort(key=lambda one: (table.is_turn(one.row), -one.total))
    else:
        chosen.sort(key=lambda one: -one.total)
    return _distinct(chosen, table, limit)


def _table(plan: QueryPlan, words: SparseVector, found: Candidates, weights: Weights, now: datetime) -> Table:
    """Every signal over every candidate, and their weighted sum."""
    columns, raw = columns_of(found, plan, words, weights, now)
    summed = blended(columns, weights.recall)
    if weights.recall.pagerank > 0.0:
        columns["pagerank"] = gained(found, summed)
        summed += weights.recall.pagerank * columns["pagerank"]
    if weights.recall.succession > 0.0 and found.outdated and not plan.past:
        columns["succession"] = succession.gained(found, summed)
        summed += weights.recall.succession * columns["succession"]
    total = summed.tolist()
    _lift(found, total)
    return Table(found, columns, raw, total, plan)


def _lift(found: Candidates, total: list[float]) -> None:
    """Put pending turns that alone hold a rare word of the question before everything else (promise 2)."""
    holders = [
        (row.pending.rare, total[number], number)
        for number, row in enumerate(found.rows)
        if row.pending and row.pending.rare > 0
    ]
    top = max(total)
    for place, (_, _, number) in enumerate(sorted(holders), start=1):
        total[number] = top + LIFT * place


class _Chosen(NamedTuple):
    """A place before it is an item: the row that is shown, and that which it stands for."""

    row: int
    unit: int
    total: float


def _chosen(table: Table, units: Sequence[int]) -> Iterator[_Chosen]:
    """Units in order: a turn, or the memories that stand for it, or a memory without any turn among the candidates."""
    found = table.found
    taken: set[int] = set()  # shown, or shown by a memory
    shown: set[int] = set()  # turns that are items: a memory that cites one of them stays out
    for unit in units:
        if unit in taken:
            continue
        if not found.cited[unit]:  # most are turns that no memory rests on
            taken.add(unit)
            if table.is_turn(unit):
                shown.add(unit)
            yield _Chosen(unit, unit, table.total[unit])
            continue
        keepers = [row for row in found.cited[unit] if row not in taken and _stands(table, row, unit, shown)]
        if all(_lacks(table, row, unit) for row in keepers):
            keepers = []
        if len(keepers) > 1:
            keepers.sort(key=lambda row: -table.total[row])
        for place, row in enumerate(keepers[:MEMORIES_PER_TURN] or [unit]):
            total = table.total[unit]
            if place and _rests_on_one(table, row):  # a further memory of the same turn has the place that it earns
                total = min(total, table.total[row]) - FURTHER
            taken.update((row, *found.cites[row]))
            if row == unit and table.is_turn(row):
                shown.add(row)
            yield _Chosen(row, unit, total)


def _rests_on_one(table: Table, row: int) -> bool:
    memory = table.found.rows[row].unit.memory
    return memory is not None and len(memory.sources) == 1


def _turns(table: Table, row: int) -> tuple[UUID, ...]:
    """The turns that a candidate leads back to, best first; itself for a turn."""
    unit = table.found.rows[row].unit
    if unit.memory is None:
        return (unit.id,)
    sources = [source.event_id for source in unit.memory.sources]
    if len(sources) > 1:
        place = table.found.place
        sources.sort(key=lambda turn: -table.total[place[turn.int]] if turn.int in place else math.inf)
    return tuple(sources)


def _stands(table: Table, memory: int, turn: int, shown: set[int]) -> bool:
    """Whether a memory may stand for a turn: by words where the turn matches by words, else by meaning."""
    if not shown.isdisjoint(table.found.cites[memory]):
        return False
    words = table.raw["sparse"]
    if words[turn] > 0:
        return bool(words[memory] >= COVERS_TEXT * words[turn])
    dense = table.found.rows[memory].evidence.dense
    return dense is not None and dense >= table.raw["dense"][turn] - COVERS_DENSE


def _lacks(table: Table, memory: int, turn: int) -> bool:
    """Whether the kind of answer that is wanted is in the turn and not in the memory: "The user smoked." is no answer
    to when that ended, "I smoked until 2019." is.
    """
    wanted = table.plan.wanted
    unit = table.found.rows[memory].unit
    if not table.found.rows[turn].unit.holds(wanted) or unit.holds(wanted):
        return False
    dated = unit.memory is not None and (unit.memory.event_time or unit.memory.valid_from)
    return not (wanted is Wanted.TIME and dated)


def types_in_turn(items: Sequence[Item]) -> list[Item]:
    """The best item of each type, then the others: the order in which a quota fills a budget."""
    first = {item.type: item for item in reversed(items)}
    return sorted(items, key=lambda item: first[item.type] is not item)


def _distinct(chosen: Sequence[_Chosen], table: Table, limit: int) -> list[Item]:
    """The first `limit` as items, without those that say what a better one has said."""
    told = Told()
    kept: list[Item] = []
    for one in chosen:
        unit = table.found.rows[one.row].unit
        if told.again(unit.normal, unit.gist, unit.about):
            table.repeated.append(one.row)
            continue
        kept.append(Item(one.total, _turns(table, one.row), one.row, one.unit, table))
        if len(kept) == limit:
            break
    return kept
