"""Which links of a user are wrong or missing once memories were put together, and which statements contradict each
other. Pure; part of `sleep_plan`.

The rule is that of consolidation: a memory is similar to at most three of those that were there before it.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from uuid import UUID

import numpy as np

from app.domain.dates import CalendarDate
from app.domain.memory import MemoryType
from app.domain.nearness import near_before
from app.domain.precision import is_vague, refines
from app.domain.sameness import opposite
from app.domain.sleep import AddLink, DropLink, SleepLink, SleepMemory

MOST_SIMILAR = 3  # as in consolidation: more only repeats the search by vector
SIMILAR, CONTRADICTS = "similar", "contradicts"
HISTORY = frozenset({CONTRADICTS, "derived_from"})  # they tell what became of a memory, so they outlast it
SLACK = 0.001  # below the cosine that makes a link before it is dropped: rounding must not make and drop it in turns
NEAR = 0.8  # cosine from which two texts are looked at for denying each other; "allergic" and its denial score .961


def wrong_links(memories: Sequence[SleepMemory], links: Sequence[SleepLink], least: float) -> list[DropLink]:
    """Links to what is gone, doubled ones, and those of likeness whose ends are no longer near."""
    dense = {memory.id: memory.dense for memory in memories}
    seen: set[frozenset[UUID]] = set()
    found = []
    for link in sorted(links, key=lambda link: (str(max(link.from_id, link.to_id)), str(link.from_id), str(link.id))):
        reason = None
        if not link.lasting and link.type not in HISTORY:
            reason = "end_is_gone"
        elif link.type == SIMILAR:
            ends = frozenset({link.from_id, link.to_id})
            one, other = dense.get(link.from_id), dense.get(link.to_id)
            if ends in seen:
                reason = "doubled"
            elif one is not None and other is not None and float(one @ other) < least - SLACK:
                reason = "not_near"
            else:
                seen.add(ends)
        if reason is not None:
            found.append(DropLink(link.id, link.from_id, link.to_id, link.type, reason))
    return found


def missing_links(memories: Sequence[SleepMemory], links: Sequence[SleepLink], least: float) -> list[AddLink]:
    """Links of likeness that a memory lacks: to the nearest that were there before it, three in all. What stands in a
    link of history to it is not looked at.
    """
    rows = sorted((m for m in memories if m.dense is not None), key=lambda m: str(m.id))
    if not rows:
        return []
    joined = {frozenset({link.from_id, link.to_id}) for link in links if link.type in HISTORY or link.type == SIMILAR}
    held: dict[UUID, int] = defaultdict(int)
    for link in links:
        if link.type == SIMILAR:
            held[max(link.from_id, link.to_id, key=str)] += 1
    matrix = np.stack([memory.dense for memory in rows if memory.dense is not None])
    found = []
    for place, others, cosines in near_before(matrix, least):
        memory, room = rows[place], MOST_SIMILAR - held[rows[place].id]
        nearest = np.argsort(-cosines, kind="stable")[:MOST_SIMILAR]
        for other, cosine in ((rows[int(others[at])], float(cosines[at])) for at in nearest):
            if room > 0 and frozenset({memory.id, other.id}) not in joined:
                weight = min(1.0, round(cosine, 4))
                found.append(AddLink(memory.id, other.id, SIMILAR, weight, "near", (memory.version, other.version)))
                room -= 1
    return found


def contradictions(memories: Sequence[SleepMemory], links: Sequence[SleepLink]) -> list[AddLink]:
    """Statements that cannot both hold and are both believed, from the later to the earlier; none that is noted."""
    noted = {frozenset({link.from_id, link.to_id}) for link in links if link.type == CONTRADICTS}
    found = {}
    for one, other, reason in (*_by_key(memories), *_by_words(memories)):
        earlier, later = sorted((one, other), key=lambda m: (m.live_from, str(m.id)))
        ends = frozenset({one.id, other.id})
        if ends not in noted and ends not in found:
            found[ends] = AddLink(later.id, earlier.id, CONTRADICTS, 1.0, reason, (later.version, earlier.version))
    return sorted(found.values(), key=lambda link: (str(link.from_id), str(link.to_id)))


def _by_key(memories: Sequence[SleepMemory]) -> Iterator[tuple[SleepMemory, SleepMemory, str]]:
    """Different values of a single-valued attribute of one subject, but for one that only says it less precisely."""
    keyed: dict[tuple[str, str], list[SleepMemory]] = defaultdict(list)
    for memory in memories:
        if memory.single_valued and memory.subject and memory.attribute and memory.type is not MemoryType.FORESIGHT:
            keyed[memory.subject, memory.attribute].append(memory)
    for own in keyed.values():
        for place, one in enumerate(own):
            for other in own[place + 1 :]:
                if not _agree(one, other) and not _apart(one, other):
                    yield one, other, "other_value"


def _agree(one: SleepMemory, other: SleepMemory) -> bool:
    if one.negated == other.negated:
        return (
            one.value == other.value
            or refines(one.value, other.value, other.text)
            or refines(other.value, one.value, one.text)
            or is_vague(one.attribute, one.value, one.text)
            or is_vague(other.attribute, other.value, other.text)
        )
    return one.value != other.value


def _apart(one: SleepMemory, other: SleepMemory) -> bool:
    """Whether one was over before the other began, by what they say themselves."""
    return any(
        a.valid_to is not None and b.valid_from is not None and a.valid_to.end() <= b.valid_from.end()
        for a, b in ((one, other), (other, one))
    )


def _by_words(memories: Sequence[SleepMemory]) -> Iterator[tuple[SleepMemory, SleepMemory, str]]:
    """The same words about the same subject and time, denied in one of them."""
    rows = [memory for memory in memories if memory.dense is not None]
    if not rows:
        return
    matrix = np.stack([memory.dense for memory in rows if memory.dense is not None])
    for place, others, _ in near_before(matrix, NEAR):
        one = rows[place]
        for other in (rows[at] for at in others.tolist()):
            if one.subject == other.subject and _dates(one) == _dates(other) and opposite(one.text, other.text):
                yield one, other, "opposite_polarity"


def _dates(memory: SleepMemory) -> tuple[CalendarDate | None, ...]:
    return memory.event_time, memory.valid_from, memory.valid_to
