"""Personalised PageRank over a small undirected graph, by power iteration (as HippoRAG walks from what matched to what
hangs together with it). Pure numpy; used by `linked`.
"""

from collections.abc import Sequence

import numpy as np

from app.domain.fusion import Vector

DAMPING = 0.5  # HippoRAG's: half of the weight stays with the seeds
ROUNDS = 30  # the rest that is not yet in place is .5 ** 30

Edge = tuple[int, int, float]


def pagerank(seeds: Vector, edges: Sequence[Edge], *, damping: float = DAMPING, rounds: int = ROUNDS) -> Vector:
    """The share of each node; together 1. `seeds` are not negative and not all 0; an edge of weight 0 or less is none.
    A node without any edge keeps its own seed.
    """
    start = seeds / seeds.sum()
    usable = [(one, other, weight) for one, other, weight in edges if weight > 0 and one != other]
    if not usable:
        return np.asarray(start, dtype=np.float64)
    ones, others, weights = (np.array(part) for part in zip(*usable, strict=True))
    source, target = np.concatenate([ones, others]), np.concatenate([others, ones])
    flow = np.concatenate([weights, weights]).astype(np.float64)
    size = len(seeds)
    degree = np.bincount(source, weights=flow, minlength=size)
    flow /= degree[source]
    alone = degree == 0
    share = start
    for _ in range(rounds):
        moved = np.bincount(target, weights=flow * share[source], minlength=size)
        share = (1.0 - damping) * start + damping * np.where(alone, share, moved)
    return np.asarray(share / share.sum(), dtype=np.float64)
