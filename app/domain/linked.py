"""What the links between memories say about candidates: the best that one hop away lies, and what a walk over links,
shared names and source turns adds. Pure; used by `columns` and `ranking`, for policies that weigh it.
"""

from collections import defaultdict

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
    names, edges = _names(found)
    edges += _links(found)
    edges += _sources(found)
    seeds = np.zeros(size + names)
    seeds[:size] = np.exp(totals - totals.max())
    seeds /= seeds.sum()
    shares = pagerank(seeds, edges)
    return np.asarray(np.log(shares[:size] / seeds[:size]), dtype=np.float64)


def _links(found: Candidates) -> list[Edge]:
    place = found.place
    return [
        (place[one.int], place[other.int], weight)
        for one, other, weight in found.links
        if one.int in place and other.int in place
    ]


def _sources(found: Candidates) -> list[Edge]:
    """From each memory to the turns that it rests on."""
    return [(memory, turn, 1.0) for memory, turns in enumerate(found.cites) if turns for turn in turns]


def _names(found: Candidates) -> tuple[int, list[Edge]]:
    """From memories to the names that they share, as nodes after the rows; a name of many says little of each. How many
    these are, and the edges.
    """
    holders: dict[str, list[int]] = defaultdict(list)
    for number, row in enumerate(found.rows):
        for name in row.unit.entities:
            holders[name].append(number)
    shared = [numbers for _, numbers in sorted(holders.items()) if len(numbers) > 1]
    first = len(found.rows)
    edges = [(number, first + node, 1.0 / len(numbers)) for node, numbers in enumerate(shared) for number in numbers]
    return len(shared), edges
