"""What the links between memories say about candidates: the best that one hop away lies, and what a walk over links,
shared names and source turns adds. Pure; used by `columns` and `ranking`, for policies that weigh it.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from uuid import UUID

import numpy as np

from app.domain.fusion import Vector
from app.domain.pagerank import Edge, pagerank
from app.domain.signals import Row

Link = tuple[UUID, UUID, float]  # two memories, and how strongly they are linked


def best_linked(rows: Sequence[Row], near: Vector, links: Sequence[Link]) -> Vector:
    """For a memory the highest of `near` among those that it is linked to, for a turn that of its memories; 0 (average)
    where there is no link.
    """
    place = {row.id: number for number, row in enumerate(rows)}
    best = np.full(len(rows), -np.inf)
    for one, other, _ in _among(place, links):
        best[one] = max(best[one], near[other])
        best[other] = max(best[other], near[one])
    for number, row in enumerate(rows):
        for source in row.memory.sources if row.memory else ():
            turn = place.get(source.event_id)
            if turn is not None:
                best[turn] = max(best[turn], best[number])
    return np.where(np.isfinite(best), best, 0.0)


def gained(rows: Sequence[Row], totals: Vector, links: Sequence[Link]) -> Vector:
    """What a walk from the best candidates gives each: log(share / seed), where the seeds are the softmax of the
    totals. So a total plus the whole of it has the order of the walk; 0 for what hangs together with nothing.
    """
    place = {row.id: number for number, row in enumerate(rows)}
    edges = [*_among(place, links), *_sources(rows, place), *_names(rows)]
    seeds = np.exp(totals - totals.max())
    seeds /= seeds.sum()
    nodes = 1 + max((max(one, other) for one, other, _ in edges), default=0)
    padded = np.concatenate([seeds, np.zeros(max(0, nodes - len(rows)))])
    shares = pagerank(padded, edges)[: len(rows)]
    return np.asarray(np.log(shares / seeds), dtype=np.float64)


def _among(place: dict[UUID, int], links: Sequence[Link]) -> Iterator[Edge]:
    for one, other, weight in links:
        if one in place and other in place:
            yield place[one], place[other], weight


def _sources(rows: Sequence[Row], place: dict[UUID, int]) -> Iterator[Edge]:
    """From each memory to the turns that it rests on."""
    for number, row in enumerate(rows):
        for source in row.memory.sources if row.memory else ():
            if source.event_id in place:
                yield number, place[source.event_id], 1.0


def _names(rows: Sequence[Row]) -> Iterator[Edge]:
    """From memories to the names that they share, as nodes after the rows; a name of many says little of each. Names
    are known where the question names somebody: reading them for every walk changed no answer (bench/RESULTS.md).
    """
    holders: dict[str, list[int]] = defaultdict(list)
    for number, row in enumerate(rows):
        for name in sorted(row.entities):
            holders[name].append(number)
    shared = [numbers for numbers in holders.values() if len(numbers) > 1]
    for node, numbers in enumerate(shared, start=len(rows)):
        yield from ((number, node, 1.0 / len(numbers)) for number in numbers)
