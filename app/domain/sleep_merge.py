"""Which memories sleep puts together: those that say the same, and fragments of a fuller statement. Pure; part of
`sleep_plan`.

Cosine only nominates (SPEC 6). Frozen memories and secrets are never touched, and nothing of different validity is.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from uuid import UUID

import numpy as np

from app.domain.memory import MemoryType
from app.domain.nearness import near_before
from app.domain.sameness import contained, content, same_meaning, says_all
from app.domain.sleep import Gone, Merge, SleepMemory

_APART = frozenset({MemoryType.SECRET, MemoryType.REFLECTION, MemoryType.RESOURCE})
_ON_A_DAY = frozenset({MemoryType.EPISODE, MemoryType.FORESIGHT})
_STATED = frozenset({MemoryType.FACT, MemoryType.EPISODE})


def merges(memories: Sequence[SleepMemory], same_cosine: float, *, fragments: bool) -> list[Merge]:
    """The merges in the order of what stays. Of two that say the same, the one said first stays; a fragment goes into
    the fuller statement, of those that cosine nominates and, with `fragments`, of the same turn or segment. What goes
    points at what stays in the end.
    """
    able = {m.id: m for m in sorted(memories, key=_order) if not m.frozen and m.type not in _APART}
    into: dict[UUID, tuple[UUID, str, float]] = {}
    for one, other, cosine in _near(list(able.values()), same_cosine):
        if one.id in into or other.id in into or not _same_time(one, other):
            continue
        if says_the_same(one, other):
            into[other.id] = (one.id, "same_meaning", cosine)
        elif is_fragment(other, one):
            into[other.id] = (one.id, "contained", cosine)
        elif is_fragment(one, other):
            into[one.id] = (other.id, "contained", cosine)
    if fragments:
        for fragment, fuller in _fragments([m for m in able.values() if m.id not in into]):
            if fragment.id not in into and fuller.id not in into:
                into[fragment.id] = (fuller.id, "contained", _cosine(fragment, fuller))
    found: dict[UUID, list[Gone]] = defaultdict(list)
    for gone, (host, reason, cosine) in into.items():
        kept = able[_root(host, into)]
        until = kept.live_from if kept.live_from > able[gone].live_from else None
        found[kept.id].append(Gone(gone, able[gone].version, reason, round(cosine, 4), until))
    return [
        Merge(kept, able[kept].version, tuple(sorted(found[kept], key=lambda gone: _order(able[gone.id]))))
        for kept in sorted(found, key=lambda id_: _order(able[id_]))
    ]


def says_the_same(one: SleepMemory, other: SleepMemory) -> bool:
    """Same kind of statement about the same, at the same time and of the same validity, in other words."""
    return (
        one.type is other.type
        and _comparable(one, other)
        and (one.event_time, one.valid_from, one.valid_to) == (other.event_time, other.valid_from, other.valid_to)
        and (same_meaning(one.text, other.text) or (says_all(one.text, other.text) and says_all(other.text, one.text)))
    )


def is_fragment(fragment: SleepMemory, fuller: SleepMemory) -> bool:
    """Whether the fuller statement loses nothing that the fragment says: neither words nor key nor dates."""
    return (
        (fragment.type is fuller.type or {fragment.type, fuller.type} <= _STATED)
        and _comparable(fragment, fuller)
        and (fragment.attribute is None or fragment.attribute == fuller.attribute)
        and (fragment.value is None or fragment.value == fuller.value)
        and fragment.event_time in {None, fuller.event_time}
        and (fragment.valid_from, fragment.valid_to) == (fuller.valid_from, fuller.valid_to)
        and contained(fragment.text, fuller.text)
    )


def _same_time(one: SleepMemory, other: SleepMemory) -> bool:
    """What happened, or is planned, on another day is another thing, even in the same words; what is so is not."""
    states = not {one.type, other.type} & _ON_A_DAY
    return states or one.event_time is not None or one.occurred_at.date() == other.occurred_at.date()


def _comparable(one: SleepMemory, other: SleepMemory) -> bool:
    """Same subject, polarity, agent and end, and no key that speaks against it."""
    return (
        one.subject == other.subject
        and one.negated == other.negated
        and one.agent_id == other.agent_id
        and one.expires_at == other.expires_at
        and (one.attribute is None or other.attribute is None or one.attribute == other.attribute)
        and (one.value is None or other.value is None or one.value == other.value)
    )


def _near(memories: Sequence[SleepMemory], least: float) -> Iterator[tuple[SleepMemory, SleepMemory, float]]:
    """Pairs whose cosine is high enough, the earlier memory first, in the order of the later one."""
    rows = [memory for memory in memories if memory.dense is not None]
    if not rows:
        return
    matrix = np.stack([memory.dense for memory in rows if memory.dense is not None])
    for place, others, cosines in near_before(matrix, least):
        for other, cosine in zip(others.tolist(), cosines.tolist(), strict=True):
            yield rows[other], rows[place], cosine


def _fragments(memories: Sequence[SleepMemory]) -> Iterator[tuple[SleepMemory, SleepMemory]]:
    """(fragment, fuller) of those that share a turn or a segment; the shortest fragment and the fullest host first."""
    beside: dict[UUID, list[SleepMemory]] = defaultdict(list)
    for memory in memories:
        for source in memory.event_ids | memory.segment_ids:
            beside[source].append(memory)
    pairs = {tuple(sorted((a.id, b.id), key=str)): (a, b) for a, b in _pairs(beside.values())}
    size = {memory.id: len(content(memory.text)) for memory in memories}
    found = [
        (one, other)
        for first, second in pairs.values()
        for one, other in ((first, second), (second, first))
        if is_fragment(one, other)
    ]
    yield from sorted(found, key=lambda pair: (size[pair[0].id], -size[pair[1].id], str(pair[0].id), str(pair[1].id)))


def _pairs(groups: Iterable[Sequence[SleepMemory]]) -> Iterator[tuple[SleepMemory, SleepMemory]]:
    for group in groups:
        yield from combinations(group, 2)


def _root(host: UUID, into: dict[UUID, tuple[UUID, str, float]]) -> UUID:
    while host in into:
        host = into[host][0]
    return host


def _cosine(one: SleepMemory, other: SleepMemory) -> float:
    return float(one.dense @ other.dense) if one.dense is not None and other.dense is not None else 0.0


def _order(memory: SleepMemory) -> tuple[object, ...]:
    return memory.live_from, str(memory.id)
