"""What a search gives back, made from the lists of its signals. Used by both adapters and by `scan`."""

from collections.abc import Iterable
from uuid import UUID

from app.domain.fusion import Evidence
from app.index.protocol import Signal

PLACES = {Signal.DENSE: 0, Signal.TEXT: 1, Signal.WINDOW: 2}  # of each signal in Evidence


def union(answers: Iterable[tuple[Signal, Iterable[tuple[UUID, float]]]]) -> dict[UUID, Evidence]:
    """By point in any of the answers (id, score) its score in each."""
    ids: dict[int, UUID] = {}  # by number: a UUID takes ten times as long to look up
    hits: dict[int, list[float | None]] = {}
    for signal, found in answers:
        place = PLACES[signal]
        for identity, score in found:
            number = identity.int
            if (scores := hits.get(number)) is None:
                ids[number] = identity
                scores = hits[number] = [None, None, None]
            scores[place] = score
    return {ids[number]: Evidence._make(scores) for number, scores in hits.items()}
