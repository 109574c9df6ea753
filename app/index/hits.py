"""What a search gives back, made from the lists of its signals. Used by both adapters and by `scan`."""

from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from uuid import UUID

from app.domain.fusion import Evidence
from app.index.protocol import Signal

_NUMBER, _SCORE = itemgetter(0), itemgetter(1)
PLACES = {Signal.DENSE: 0, Signal.TEXT: 1, Signal.WINDOW: 2}  # of each signal in Evidence


def union(answers: Iterable[tuple[Signal, Sequence[tuple[int, float]]]], limit: int) -> dict[int, Evidence]:
    """By point in any of the answers (number of its id, score) its score in each, at most `limit` of each answer. To
    look up a UUID would take ten times as long.

    The same points give the same evidence in the same order, however they were written: see `certain`.
    """
    hits: dict[int, list[float | None]] = {}
    for signal, found in answers:
        place = PLACES[signal]
        for number, score in certain(found, limit):
            if (scores := hits.get(number)) is None:
                scores = hits[number] = [None, None, None]
            scores[place] = score
    return {number: Evidence._make(scores) for number, scores in hits.items()}


def certain(found: Sequence[tuple[int, float]], limit: int) -> list[tuple[int, float]]:
    """The best `limit` of the `limit + 1` that an engine was asked for, by score, then id. Of those that score as the
    first beyond the limit none is taken: which of them an engine gives depends on the order in which they were written.
    Where that leaves nothing, they stay.
    """
    kept = found
    if len(found) > limit:
        beyond = found[limit][1]
        kept = [hit for hit in found if hit[1] > beyond] or found
    ordered = sorted(kept, key=_NUMBER)
    ordered.sort(key=_SCORE, reverse=True)  # keeps the order of equal ones; one sort by both takes twice as long
    return ordered[:limit]


def by_id(found: Mapping[int, Evidence]) -> dict[UUID, Evidence]:
    """The same by the ids themselves."""
    return {UUID(int=number): evidence for number, evidence in found.items()}
