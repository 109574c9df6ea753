"""How much of an answer one type or one session may take. Pure; used by recall."""

import math
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from app.domain.ranking import Item


@dataclass(frozen=True, slots=True)
class Cap:
    """At most `share` of the places for items of one `group`; 1 is no cap. An item of no group (None) is never one too
    many.
    """

    share: float
    group: Callable[[Item], Hashable | None]


def within_shares(items: Sequence[Item], limit: int, caps: Sequence[Cap]) -> list[Item]:
    """The best `limit` items within every cap, in their order; others only where the rest cannot be filled without."""
    bound = [(max(1, math.ceil(limit * cap.share)), cap.group, Counter[Hashable]()) for cap in caps if cap.share < 1.0]
    if not bound:
        return list(items[:limit])
    chosen: list[int] = []
    for place, item in enumerate(items):
        if len(chosen) == limit:
            break
        groups = [(most, group(item), taken) for most, group, taken in bound]
        if all(name is None or taken[name] < most for most, name, taken in groups):
            for _, name, taken in groups:
                taken[name] += 1
            chosen.append(place)
    kept = set(chosen)
    rest = [place for place in range(len(items)) if place not in kept]
    return [items[place] for place in sorted(chosen + rest[: limit - len(chosen)])]
