"""The order of candidates: one blend over turns and memories, memories folded into the turns they rest on, and the
items that an answer shows. Pure; used by recall and by the offline check in `bench/`.
"""

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import numpy as np

from app.domain.event import Event
from app.domain.fusion import Evidence, Vector, column, floor, squash, standard
from app.domain.memory import Memory
from app.domain.normalise import normalise
from app.domain.pending import PendingScore
from app.domain.policy import RecallPolicy, TauDays
from app.domain.query import Kind, QueryPlan

# Hand weights beside those of the policy, measured on the five LoCoMo conversations with bench/locomo_offline.py.
SESSION = 0.4  # a turn gains from the best turns of its session: +1 point of recall@20
QUESTION = 0.5  # a turn that asks holds no answer: +.5 point of NDCG@10
LENGTH = 0.15  # very short turns are generic: +.5 point of NDCG@10
RECENT = 0.1  # a tie is broken by time, and "now" or "latest" in the question asks for more
LATEST = 1.0
# A memory stands for its turn when it holds nearly as much of what the question asks as the turn itself.
COVERS_TEXT = 0.6
COVERS_DENSE = 0.1
MEMORIES_PER_TURN = 2  # items that one turn may give

_ASKS = re.compile(r"\?[\s\"')\]]*\Z")


@dataclass(frozen=True, slots=True)
class Candidates:
    """What the index and PostgreSQL found for a question. `limit` is how long a list of the index may be."""

    turns: Mapping[UUID, Event]
    memories: Mapping[UUID, Memory]
    evidence: Mapping[UUID, Evidence]
    pending: Mapping[UUID, PendingScore] = field(default_factory=dict)
    entities: Mapping[UUID, frozenset[str]] = field(default_factory=dict)  # of memories, lower-cased
    limit: int = 100


@dataclass(frozen=True, slots=True)
class Weights:
    """The settings that ranking reads."""

    recall: RecallPolicy
    tau_days: TauDays
    retention: bool = True


@dataclass(frozen=True, slots=True)
class Item:
    """One place in the answer."""

    kind: Kind
    id: UUID
    total: float
    score: float
    scores: dict[str, float]
    turn_ids: tuple[UUID, ...]  # the turns that it leads back to, best first


@dataclass(slots=True)
class _Table:
    """Candidates as columns, turns first."""

    ids: list[UUID]
    signals: dict[str, Vector]
    total: Vector


def rank(plan: QueryPlan, found: Candidates, weights: Weights, now: datetime, limit: int) -> list[Item]:
    """The best `limit` candidates as items, best first. A kept memory takes the place of the turns it rests on."""
    table = _blend(plan, found, weights, now)
    if not table.ids:
        return []
    totals = {id_: float(table.total[i]) for i, id_ in enumerate(table.ids)}
    cited = _cited(found)
    for id_ in found.turns:
        best = max((totals[m] for m in cited.get(id_, ())), default=0.0)
        totals[id_] += weights.recall.memory * max(0.0, best)
    _lift(found, totals)
    units = [*found.turns, *(m for m, memory in found.memories.items() if not _has_turn(memory, found))]
    units.sort(key=lambda id_: -totals[id_])
    if weights.recall.memories_first:
        units.sort(key=lambda id_: id_ in found.turns and id_ not in cited)
    return _distinct(_items(found, table, totals, cited, units), found, limit)


def _blend(plan: QueryPlan, found: Candidates, weights: Weights, now: datetime) -> _Table:
    """Every signal over every candidate, and their weighted sum."""
    recall = weights.recall
    ids = [*found.turns, *found.memories]
    turns = len(found.turns)
    events = list(found.turns.values())
    signals = _retrieved(ids, turns, found)
    has_vector = np.array([id_ not in found.pending or _dense(found, id_) is not None for id_ in ids], dtype=bool)
    base = (
        recall.dense * standard(signals["dense"], has_vector)
        + recall.text * standard(signals["sparse"])
        + recall.window * standard(signals["window"])
    )
    signals["speaker"] = np.array([_speaks(plan, found, id_) for id_ in ids])
    signals["entity"] = np.array([_names(plan, found, id_) for id_ in ids])
    signals["time"] = np.array([_in_time(plan, found, id_) for id_ in ids])
    signals["retention"] = np.array([_retention(found, id_, weights, now) for id_ in ids])
    signals["recency"] = np.array([_recency(found, id_, now) for id_ in ids])
    length = np.zeros(len(ids))
    length[:turns] = standard(np.array([math.log1p(len(event.content.split())) for event in events]))
    asks = np.array([bool(_ASKS.search(event.content)) for event in events] + [False] * (len(ids) - turns))
    total = (
        base
        + recall.speaker * signals["speaker"]
        + recall.entity * signals["entity"]
        + recall.time * signals["time"]
        + recall.retention * signals["retention"]
        + (LATEST if plan.latest else RECENT) * signals["recency"]
        + SESSION * _session(base, events, len(ids))
        + LENGTH * length
        - QUESTION * asks
    )
    return _Table(ids, signals, total)


def _retrieved(ids: Sequence[UUID], turns: int, found: Candidates) -> dict[str, Vector]:
    """Raw scores of the three index signals; a memory is its own window."""
    raw: dict[str, dict[UUID, float]] = {"dense": {}, "sparse": {}, "window": {}}
    for id_ in ids:
        evidence = found.evidence.get(id_, Evidence())
        pending = found.pending.get(id_)
        text = evidence.text if evidence.text is not None or pending is None else pending.text
        window = evidence.window if evidence.window is not None or pending is None else pending.window
        if id_ in found.memories:
            window = text
        for name, value in (("dense", evidence.dense), ("sparse", text), ("window", window)):
            if value is not None:
                raw[name][id_] = value
    columns: dict[str, Vector] = {}
    for name, scores in raw.items():
        parts = []
        for part in (ids[:turns], ids[turns:]):
            listed = [scores[id_] for id_ in part if id_ in scores and id_ not in found.pending]
            parts.append(column(part, scores, floor(listed, limit=found.limit, lexical=name != "dense")))
        columns[name] = np.concatenate(parts)
    return columns


def _dense(found: Candidates, id_: UUID) -> float | None:
    evidence = found.evidence.get(id_)
    return evidence.dense if evidence else None


def _speaks(plan: QueryPlan, found: Candidates, id_: UUID) -> float:
    """1 where a person named in the question speaks, or is whom a memory is about."""
    if not plan.speakers:
        return 0.0
    if id_ in found.turns:
        return float(found.turns[id_].name in plan.speakers)
    memory = found.memories[id_]
    about = f"{memory.subject or ''} {memory.text[:80]}".casefold()
    return float(any(name.split()[0].casefold() in about for name in plan.speakers))


def _names(plan: QueryPlan, found: Candidates, id_: UUID) -> float:
    """The share of the names in the question that a candidate mentions."""
    if not plan.names:
        return 0.0
    if id_ in found.turns:
        text, entities = found.turns[id_].content.casefold(), frozenset[str]()
    else:
        text, entities = found.memories[id_].text.casefold(), found.entities.get(id_, frozenset())
    hits = sum(name.casefold() in text or name.casefold() in entities for name in plan.names)
    return hits / len(plan.names)


def _in_time(plan: QueryPlan, found: Candidates, id_: UUID) -> float:
    """1 where a candidate was said in, or speaks of, a time that the question names."""
    if not plan.spans:
        return 0.0
    if id_ in found.turns:
        at = found.turns[id_].occurred_at
        return float(any(start <= at < end for start, end in plan.spans))
    memory = found.memories[id_]
    offset = memory.occurred_at.utcoffset() or timedelta(0)
    reach = (memory.event_time.start(offset), memory.event_time.end(offset)) if memory.event_time else None
    said = memory.occurred_at
    return float(
        any(
            start <= said < end or (reach is not None and reach[0] < end and start < reach[1])
            for start, end in plan.spans
        )
    )


def _retention(found: Candidates, id_: UUID, weights: Weights, now: datetime) -> float:
    """R = exp(-dt / (tau * S)) since a memory was recorded or last used; a raw turn does not fade."""
    memory = found.memories.get(id_)
    if memory is None or not weights.retention or memory.frozen:
        return 1.0
    tau = weights.tau_days.of(memory.type)
    since = max(memory.created_at, memory.last_used_at or memory.created_at)
    age = max(0.0, (now - since).total_seconds() / 86_400)
    strength = max(memory.stability, 0.01) + memory.use_count
    return math.exp(-age / (tau * strength)) if tau else 1.0


def _recency(found: Candidates, id_: UUID, now: datetime) -> float:
    """1 for what is said now, one half after a month."""
    said = found.turns[id_].occurred_at if id_ in found.turns else found.memories[id_].occurred_at
    age = max(0.0, (now - said).total_seconds() / 86_400)
    return 1.0 / (1.0 + age / 30.0)


def _session(base: Vector, events: Sequence[Event], size: int) -> Vector:
    """For each turn the mean of the best three of its session."""
    grouped: dict[str, list[float]] = defaultdict(list)
    for i, event in enumerate(events):
        grouped[event.session_id].append(float(base[i]))
    best = {session: sum(sorted(values)[-3:]) / min(3, len(values)) for session, values in grouped.items()}
    gains = np.zeros(size)
    gains[: len(events)] = [best[event.session_id] for event in events]
    return gains


def _cited(found: Candidates) -> dict[UUID, list[UUID]]:
    """Turn to the memories that rest on it."""
    cited: dict[UUID, list[UUID]] = defaultdict(list)
    for id_, memory in found.memories.items():
        for source in memory.sources:
            cited[source.event_id].append(id_)
    return cited


def _lift(found: Candidates, totals: dict[UUID, float]) -> None:
    """Put pending turns that alone hold a rare word of the question before everything else (promise 2)."""
    holders = [id_ for id_, score in found.pending.items() if score.rare > 0 and id_ in found.turns]
    holders.sort(key=lambda id_: (found.pending[id_].rare, totals[id_]))
    top = max(totals.values())
    for place, id_ in enumerate(holders, start=1):
        totals[id_] = top + 0.1 * place


def _items(
    found: Candidates,
    table: _Table,
    totals: Mapping[UUID, float],
    cited: Mapping[UUID, Sequence[UUID]],
    units: Sequence[UUID],
) -> Iterator[Item]:
    """Units in order: a turn, or the memories that stand for it, or a memory without any turn among the candidates."""
    row = {id_: i for i, id_ in enumerate(table.ids)}
    taken: set[UUID] = set()  # shown, or shown by a memory
    shown: set[UUID] = set()  # turns that are items: a memory that cites one of them stays out
    for unit in units:
        if unit in taken:
            continue
        keepers = [
            m
            for m in cited.get(unit, ())
            if m not in taken
            and _covers(found, table, row, m, unit)
            and not any(source.event_id in shown for source in found.memories[m].sources)
        ]
        keepers.sort(key=lambda m: -totals[m])
        for id_ in keepers[:MEMORIES_PER_TURN] or [unit]:
            item = _item(found, table, id_, unit, totals)
            taken.update((id_, *item.turn_ids))
            if item.kind is Kind.EVENT:
                shown.add(id_)
            yield item


def _has_turn(memory: Memory, found: Candidates) -> bool:
    return any(source.event_id in found.turns for source in memory.sources)


def _covers(found: Candidates, table: _Table, row: Mapping[UUID, int], memory: UUID, turn: UUID) -> bool:
    """Whether a memory may stand for its turn: by words where the turn matches by words, else by meaning."""
    sparse, dense = table.signals["sparse"], table.signals["dense"]
    m, t = row[memory], row[turn]
    evidence = found.evidence.get(memory, Evidence())
    if sparse[t] > 0:
        return bool(sparse[m] >= COVERS_TEXT * sparse[t])
    return evidence.dense is not None and bool(dense[m] >= dense[t] - COVERS_DENSE)


def _item(found: Candidates, table: _Table, id_: UUID, unit: UUID, totals: Mapping[UUID, float]) -> Item:
    memory = found.memories.get(id_)
    turns: tuple[UUID, ...] = (id_,)
    if memory is not None:
        sources = [source.event_id for source in memory.sources]
        turns = tuple(sorted(sources, key=lambda t: -totals.get(t, -math.inf)))
    place, total = table.ids.index(id_), totals[unit]
    scores = {name: round(float(values[place]), 4) for name, values in table.signals.items()}
    if id_ in found.pending and _dense(found, id_) is None:
        scores["dense"] = 0.0
    return Item(Kind.MEMORY if memory else Kind.EVENT, id_, total, squash(total), scores, turns)


def _distinct(items: Iterator[Item], found: Candidates, limit: int) -> list[Item]:
    """The first `limit` items, without those that say what a better one has said."""
    seen: set[str] = set()
    kept: list[Item] = []
    for item in items:
        text = found.memories[item.id].text if item.kind is Kind.MEMORY else found.turns[item.id].content
        key = normalise(text)
        if key and key in seen:
            continue
        seen.add(key)
        kept.append(item)
        if len(kept) == limit:
            break
    return kept
