"""What no longer holds gives its place to what replaced it: the question that finds "I live in Porto" asks for "I moved
to Ghent". Pure; used by `ranking`.
"""

from collections.abc import Sequence

import numpy as np

from app.domain.fusion import Vector
from app.domain.units import Candidates

ROUNDS = 8  # of a chain of replacements
WITHIN = 0.6  # of the totals: what stands further behind answers another question than the old turn does


def gained(found: Candidates, totals: Vector) -> Vector:
    """What each candidate gains (or loses) when every turn of a statement that no longer holds changes places with the
    best of what replaced it, where that stands closely behind it. A turn that a memory of today rests on keeps its
    place.
    """
    pairs = _pairs(found)
    changed = totals.copy()
    for _ in range(ROUNDS):
        before = changed.copy()
        for old, successors in pairs:
            best = max(successors, key=lambda row: float(changed[row]))
            if changed[old] - WITHIN <= changed[best] < changed[old]:
                changed[best], changed[old] = changed[old], changed[best]
        if np.array_equal(before, changed):
            break
    return changed - totals


def _pairs(found: Candidates) -> list[tuple[int, Sequence[int]]]:
    """The rows of turns that give way, with the rows of what replaced them."""
    pairs: list[tuple[int, Sequence[int]]] = []
    for turn, by in found.outdated.items():
        old = found.place.get(turn.int)
        if old is None or found.cited[old]:
            continue
        # A memory stands behind its turn where that is a candidate: the turn changes places then.
        successors = [row for one in by if (row := found.place.get(one.int)) is not None and not found.cites[row]]
        if successors:
            pairs.append((old, sorted(successors)))
    return pairs
