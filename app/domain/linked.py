"""What the links between memories say about candidates: the best that one hop away lies, and what a walk over links,
shared names and source turns adds. Pure; used by `columns` and `ranking`, for policies that weigh it.
"""

from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from app.domain.fusion import Vector
from app.domain.pagerank import Edge, pagerank
from app.domain.units import Candidates


def best_linked(found: Candidates, near: Vector) -> Vector:
    """For a memory the highest of `near` among those that it is linked to, for a turn that of its memories; 0 (average)
    where there is no link.
    """
    best = np.full(len(found.rows), -np.inf)
    for one, other, _ in _links(found):
        best[one] = max(best[one], near[other])
        best[other] = max(best[other], near[one])
    for turn, memories in enumerate(found.cited):
        for memory in memories:
            best[turn] = max(best[turn], best[memory])
    return np.where(np.isfinite(best), best, 0.0)


def gained(found: Candidates, totals: Vector) -> Vector:
    """What a walk from the best candidates gives each: log(share / seed), where the seeds are the softmax of the
    totals. So a total plus the whole of it has the order of the walk; 0 for what hangs together with nothing.
    """
    size = len(found.rows)
    edges = [*_links(found), *_sources(found), *_names(found)]
    seeds = np.exp(totals - totals.max())
    seeds /= seeds.sum()
    nodes = 1 + max((max(one, other) for one, other, _ in edges), default=0)
    padded = np.concatenate([seeds, np.zeros(max(0, nodes - size))])
    shares = pagerank(padded, edges)[:size]
    return np.asarray(np.log(shares / seeds), dtype=np.float64)


def _links(found: Candidates) -> Iterator[Edge]:
    place = found.place
    for one, other, weight in found.links:
        if one.int in place and other.int in place:
            yield place[one.int], place[other.int], weight


def _sources(found: Candidates) -> Iterator[Edge]:
    """From each memory to the turns that it rests on."""
    for memory, turns in enumerate(found.cites):
        yield from ((memory, turn, 1.0) for turn in turns)


def _names(found: Candidates) -> Iterator[Edge]:
    """From memories to the names that they share, as nodes after the rows; a name of many says little of each."""
    holders: dict[str, list[int]] = defaultdict(list)
    for number, row in enumerate(found.rows):
        for name in sorted(row.unit.entities):
            holders[name].append(number)
    shared = [numbers for numbers in holders.values() if len(numbers) > 1]
    for node, numbers in enumerate(shared, start=len(found.rows)):
        yield from ((number, node, 1.0 / len(numbers)) for number in numbers)
