"""What a search gives back, made from the lists of its signals. Used by both adapters and by `scan`."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from app.domain.fusion import Evidence
from app.index.protocol import Signal

PLACES = {Signal.DENSE: 0, Signal.TEXT: 1, Signal.WINDOW: 2}  # of each signal in Evidence


def union(answers: Iterable[tuple[Signal, Iterable[tuple[int, float]]]]) -> dict[int, Evidence]:
    """By point in any of the answers (number of its id, score) its score in each. A UUID would take ten times as long
    to look up.
    """
    hits: dict[int, list[float | None]] = {}
    for signal, found in answers:
        place = PLACES[signal]
        for number, score in found:
            if (scores := hits.get(number)) is None:
                scores = hits[number] = [None, None, None]
            scores[place] = score
    return {number: Evidence._make(scores) for number, scores in hits.items()}


def by_id(found: Mapping[int, Evidence]) -> dict[UUID, Evidence]:
    """The same by the ids themselves."""
    return {UUID(int=number): evidence for number, evidence in found.items()}
