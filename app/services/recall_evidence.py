"""From index hits to the evidence that ranking reads. Used by recall and by the offline check."""

from collections.abc import Iterable
from uuid import UUID

from app.domain.fusion import Evidence
from app.index.protocol import IndexHit, Signal


def evidence_of(hits: Iterable[IndexHit]) -> dict[UUID, Evidence]:
    """Raw scores by candidate."""
    return {
        hit.id: Evidence(hit.scores.get(Signal.DENSE), hit.scores.get(Signal.TEXT), hit.scores.get(Signal.WINDOW))
        for hit in hits
    }
