"""The order of the first items by the scores of a second model. Pure; used by `services/recall_rerank`."""

from collections.abc import Sequence
from dataclasses import replace

from app.domain.ranking import Item


def reordered(items: Sequence[Item], scores: Sequence[float]) -> list[Item]:
    """All the items: the first, of which each has one of the scores, by these (equals keep their order), then the rest.

    The scores of places stay where they are, so that they fall from the first to the last as before; an item shows
    what moved it beside its other scores.
    """
    first, rest = items[: len(scores)], items[len(scores) :]
    order = sorted(range(len(first)), key=lambda place: -scores[place])
    moved = [
        replace(first[was], placed=held.total, second=float(scores[was]))
        for was, held in zip(order, first, strict=True)
    ]
    return [*moved, *rest]
