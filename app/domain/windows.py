"""Windows: each turn read together with the one before and the one after, by their words. Pure; used by extraction
and erasures.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

from app.domain.event import Event
from app.domain.keytext import plain_text
from app.domain.lexical import WINDOW_LENGTH, document_vector
from app.domain.sparse import SparseVector

Neighbours = Mapping[UUID, tuple[UUID | None, UUID | None]]


def window_vectors(
    targets: Sequence[UUID], neighbours: Neighbours, events: Mapping[UUID, Event]
) -> dict[UUID, SparseVector]:
    """The window vector of each target; a neighbour that is not among `events` is left out."""
    texts = {event_id: plain_text(event) for event_id, event in events.items()}
    vectors = {}
    for target in targets:
        previous, following = neighbours.get(target, (None, None))
        around = [texts[i] for i in (previous, target, following) if i is not None and i in texts]
        vectors[target] = document_vector("\n".join(around), WINDOW_LENGTH)
    return vectors
