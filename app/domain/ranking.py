"""The order of candidates: one blend over turns and memories, memories folded into the turns they rest on, and the
items that an answer shows. Pure; used by recall and by the offline check in `bench/`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from app.domain import signals
from app.domain.alike import Told
from app.domain.columns import blended, columns_of
from app.domain.fusion import Vector, squash
from app.domain.linked import gained
from app.domain.policy import RecallPolicy, TauDays
from app.domain.query import Kind, QueryPlan
from app.domain.signals import Candidates, Row
from app.domain.sparse import SparseVector

# A memory stands for its turn when it holds nearly as much of what the question asks as the turn itself.
COVERS_TEXT = 0.6
COVERS_DENSE = 0.0
FURTHER = 0.5  # what a further memory of a turn that has its place already stands behind: other turns are news
LOOKED_AT = 4  # units for each item
MEMORIES_PER_TURN = 2  # items that one turn may give
TURN = "turn"
# Of the weighted columns, those that an answer shows beside the raw scores; a trace shows all.
SHOWN = ("memory", "coverage", "nearby", "speaker", "entity", "time", "recency", "retention")
LIFT = 0.1  # between two pending turns that go before everything else


@dataclass(frozen=True, slots=True)
class Weights:
    """The settings that ranking reads. Without `retention` nothing fades."""

    recall: RecallPolicy
    tau_days: TauDays
    retention: bool = True
    use_gain: float = 1.0


@dataclass(frozen=True, slots=True)
class Item:
    """One place in the answer."""

    kind: Kind
    id: UUID
    total: float
    score: float
    scores: dict[str, float]
    turn_ids: tuple[UUID, ...]  # the turns that it leads back to, best first
    type: str = TURN  # of a memory; turns are a type of their own
    columns: Mapping[str, float] = field(default_factory=dict)  # every weighted signal, of the unit it stands for


@dataclass(frozen=True, slots=True)
class _Table:
    """Candidates as rows with their columns; `total` is by id, with memories folded in."""

    rows: Sequence[Row]
    place: Mapping[UUID, int]
    columns: Mapping[str, Vector]
    raw: Mapping[str, Vector]
    total: Mapping[UUID, float]
    cited: Mapping[UUID, Sequence[UUID]]  # turn to the memories that rest on it

    def score(self, name: str, id_: UUID) -> float:
        return float(self.raw[name][self.place[id_]])


def rank(  # noqa: PLR0913, PLR0917 - the question, what was found, and what to judge it by
    plan: QueryPlan, words: SparseVector, found: Candidates, weights: Weights, now: datetime, limit: int
) -> list[Item]:
    """The best `limit` candidates as items, best first. A kept memory takes the place of the turns it rests on."""
    rows = signals.rows_of(found)
    if not rows:
        return []
    table = _table(rows, plan, words, found, weights, now)
    units = [row.id for row in rows if row.memory is None or not _has_turn(row, found)]
    units.sort(key=lambda id_: -table.total[id_])
    if weights.recall.memories_first:
        units.sort(key=lambda id_: id_ in found.turns and id_ not in table.cited)
    # Places beyond these are not looked at: what is deferred or dropped among the first never needs so many.
    chosen = list(_chosen(table, units[: LOOKED_AT * limit]))
    if weights.recall.memories_first:
        chosen.sort(key=lambda one: one.id in found.turns)
    else:
        chosen.sort(key=lambda one: -one.total)
    return _distinct(chosen, table, limit)


def _table(  # noqa: PLR0913, PLR0917 - as `rank`
    rows: Sequence[Row], plan: QueryPlan, words: SparseVector, found: Candidates, weights: Weights, now: datetime
) -> _Table:
    """Every signal over every candidate, and their weighted sum."""
    tau_days = weights.tau_days if weights.retention else None
    columns, raw = columns_of(rows, plan, words, found, now, tau_days, weights.use_gain, weights.recall.fusion)
    total = blended(columns, weights.recall)
    if weights.recall.pagerank > 0.0:
        columns["pagerank"] = gained(rows, total, found.links)
        total += weights.recall.pagerank * columns["pagerank"]
    totals = dict(zip((row.id for row in rows), total.tolist(), strict=True))
    _lift(rows, totals)
    place = {row.id: number for number, row in enumerate(rows)}
    return _Table(rows, place, columns, raw, totals, signals.cited(rows))


def _lift(rows: Sequence[Row], totals: dict[UUID, float]) -> None:
    """Put pending turns that alone hold a rare word of the question before everything else (promise 2)."""
    holders = [(row.pending.rare, totals[row.id], row.id) for row in rows if row.pending and row.pending.rare > 0]
    top = max(totals.values())
    for place, (_, _, id_) in enumerate(sorted(holders), start=1):
        totals[id_] = top + LIFT * place


@dataclass(frozen=True, slots=True)
class _Chosen:
    """A place before it is an item: what is shown, the unit that it stands for, the turns it rests on."""

    id: UUID
    unit: UUID
    turns: tuple[UUID, ...]
    total: float


def _chosen(table: _Table, units: Sequence[UUID]) -> Iterator[_Chosen]:
    """Units in order: a turn, or the memories that stand for it, or a memory without any turn among the candidates."""
    taken: set[UUID] = set()  # shown, or shown by a memory
    shown: set[UUID] = set()  # turns that are items: a memory that cites one of them stays out
    for unit in units:
        if unit in taken:
            continue
        keepers = [id_ for id_ in table.cited.get(unit, ()) if id_ not in taken and _stands(table, id_, unit, shown)]
        keepers.sort(key=lambda id_: -table.total[id_])
        for place, id_ in enumerate(keepers[:MEMORIES_PER_TURN] or [unit]):
            turns = _turns(table, id_)
            total = table.total[unit]
            if place and turns == (unit,):  # a further memory of the same turn has the place that it earns
                total = min(total, table.total[id_]) - FURTHER
            taken.update((id_, *turns))
            if id_ == unit and table.rows[table.place[id_]].event is not None:
                shown.add(id_)
            yield _Chosen(id_, unit, turns, total)


def _turns(table: _Table, id_: UUID) -> tuple[UUID, ...]:
    """The turns that a candidate leads back to, best first; itself for a turn."""
    row = table.rows[table.place[id_]]
    if row.memory is None:
        return (id_,)
    sources = [source.event_id for source in row.memory.sources]
    return tuple(sorted(sources, key=lambda turn: -table.total.get(turn, float("-inf"))))


def _has_turn(row: Row, found: Candidates) -> bool:
    return row.memory is not None and any(source.event_id in found.turns for source in row.memory.sources)


def _stands(table: _Table, memory_id: UUID, turn_id: UUID, shown: set[UUID]) -> bool:
    """Whether a memory may stand for a turn: by words where the turn matches by words, else by meaning."""
    row = table.rows[table.place[memory_id]]
    if row.memory is None or any(source.event_id in shown for source in row.memory.sources):
        return False
    words = table.score("sparse", turn_id)
    if words > 0:
        return table.score("sparse", memory_id) >= COVERS_TEXT * words
    return row.evidence.dense is not None and row.evidence.dense >= table.score("dense", turn_id) - COVERS_DENSE


def _item(table: _Table, chosen: _Chosen) -> Item:
    place, unit = table.place[chosen.id], table.place[chosen.unit]
    row = table.rows[place]
    scores = {name: round(float(values[place]), 4) for name, values in table.raw.items()}
    scores |= {name: round(float(table.columns[name][place]), 4) for name in SHOWN}
    if row.pending is not None and row.evidence.dense is None:
        scores["dense"] = 0.0
    if table.columns["granularity"].any():
        scores["granularity"] = round(float(table.columns["granularity"][unit]), 4)
    return Item(
        kind=Kind.MEMORY if row.memory else Kind.EVENT,
        id=chosen.id,
        total=chosen.total,
        score=squash(chosen.total),
        scores=scores,
        turn_ids=chosen.turns,
        type=row.memory.type.value if row.memory else TURN,
        columns={name: float(values[unit]) for name, values in table.columns.items()},
    )


def types_in_turn(items: Sequence[Item]) -> list[Item]:
    """The best item of each type, then the others: the order in which a quota fills a budget."""
    first = {item.type: item for item in reversed(items)}
    return sorted(items, key=lambda item: first[item.type] is not item)


def _distinct(chosen: Sequence[_Chosen], table: _Table, limit: int) -> list[Item]:
    """The first `limit` as items, without those that say what a better one has said."""
    told = Told()
    kept: list[Item] = []
    for one in chosen:
        if told.again(table.rows[table.place[one.id]]):
            continue
        kept.append(_item(table, one))
        if len(kept) == limit:
            break
    return kept
