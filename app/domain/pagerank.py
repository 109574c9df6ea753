"""Personalised PageRank over a small undirected graph, by power iteration (as HippoRAG walks from what matched to what
hangs together with it). Pure numpy; used by `linked`.
"""

from collections.abc import Sequence

import numpy as np

from app.domain.fusion import Vector

DAMPING = 0.5  # HippoRAG's: half of the weight stays with the seeds
ROUNDS = 12  # the rest that is not yet in place is .5 ** 12

Edge = tuple[int, int, float]


def pagerank(seeds: Vector, edges: Sequence[Edge], *, damping: float = DAMPING, rounds: int = ROUNDS) -> Vector:
    """The share of each node; together 1. `seeds` are not negative and not all 0; an edge of weight 0 or less is none.
    A node without any edge keeps its own seed.
    """
    start = seeds / seeds.sum()
    found = np.array(edges, dtype=np.float64).reshape(-1, 3)
    found = found[(found[:, 2] > 0) & (found[:, 0] != found[:, 1])]
    if not len(found):
        return np.asarray(start, dtype=np.float64)
    ends = found[:, :2].astype(np.intp)
    source, target = np.concatenate([ends[:, 0], ends[:, 1]]), np.concatenate([ends[:, 1], ends[:, 0]])
    flow = np.concatenate([found[:, 2], found[:, 2]])
    size = len(seeds)
    degree = np.bincount(source, weights=flow, minlength=size)
    flow /= degree[source]
    kept = (1.0 - damping) * start + damping * np.where(degree == 0, start, 0.0)
    flow *= damping
    share = start
    for _ in range(rounds):
        share = kept + np.bincount(target, weights=flow * share[source], minlength=size)
    return np.asarray(share / share.sum(), dtype=np.float64)
