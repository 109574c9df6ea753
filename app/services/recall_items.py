"""Which of the ranked candidates are the items of an answer: what matches, within the shares of the policy. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from app.domain.policy import RecallPolicy
from app.domain.query import Kind, RecallQuery, Returns
from app.domain.ranking import Item
from app.domain.shares import Cap, within_shares
from app.domain.sufficiency import SEEN
from app.domain.units import Candidates

MOST_ITEMS = 100  # of `all_matches` without a limit, and candidates that a trace lists
MATCH_DENSE = 0.4  # `all_matches` shows what shares a word with the question, or is at least this near


def ranked_to(query: RecallQuery, policy: RecallPolicy) -> int:
    """How many candidates have to be ranked for this answer."""
    if query.trace or query.returns is Returns.ALL_MATCHES or min(policy.type_share, policy.session_share) < 1.0:
        return MOST_ITEMS
    return max(query.limit, SEEN, policy.rerank)


def matching(query: RecallQuery, ranked: Sequence[Item]) -> list[Item]:
    """All of them, but of `all_matches` only what matches."""
    return [item for item in ranked if query.returns is Returns.RANKED or _matches(item)]


def picked(
    query: RecallQuery,
    policy: RecallPolicy,
    items: Sequence[Item],
    found: Candidates,
) -> list[Item]:
    """The best `limit` within the shares that one type and one session may take."""

    def session(item: Item) -> str | None:
        """Where the best turn of an item was said; of none where it rests on no turn."""
        turn = found.unit(item.turn_ids[0]) if item.turn_ids else None
        if turn is not None and turn.event is not None:
            return turn.event.session_id
        return item.unit.memory.session_id if item.unit.memory is not None else None

    caps = (Cap(policy.type_share, lambda item: item.type), Cap(policy.session_share, session))
    return within_shares(items, query.limit, caps)


def keeping(good: Sequence[Item], items: Sequence[Item], ranked: Sequence[Item], limit: int) -> list[Item]:
    """The items, at most `limit`, with those of `good` that none of them tells in the last places: what an earlier
    round found best is not lost to a later one.
    """
    lost = [item for item in good if not any(_tells(one, item) for one in items)]
    kept = list(items)
    for place in reversed(range(len(kept))):
        if len(kept) + len(lost) <= limit:
            break
        if not any(_tells(kept[place], item) for item in good):
            del kept[place]
    now = {item.id: item for item in ranked}
    for item in (now.get(one.id, one) for one in lost):
        last = min(item.total, _placed(kept[-1])) if kept else item.total
        kept.append(replace(item, placed=last))
    return kept[:limit]


def in_front(first: Sequence[Item], items: Sequence[Item]) -> list[Item]:
    """The items with those that tell what `first` does before the others, in the order of `first`: a round that found
    no answer has no better order than the one before.
    """
    front: dict[int, Item] = {}
    for one in first:
        front |= {place: item for place, item in enumerate(items) if place not in front and _tells(item, one)}
    ordered = [*front.values(), *(item for place, item in enumerate(items) if place not in front)]
    totals = sorted((_placed(item) for item in items), reverse=True)
    return [replace(item, placed=total) for item, total in zip(ordered, totals, strict=True)]


def _placed(item: Item) -> float:
    return item.total if item.placed is None else item.placed


def _tells(one: Item, item: Item) -> bool:
    """Whether one item is another, says the same, or is the turn that it rests on or a memory of it."""
    if one.id in {item.id, *item.turn_ids} or (item.kind is Kind.EVENT and item.id in one.turn_ids):
        return True
    unit, other = one.unit, item.unit
    return unit.normal == other.normal or (bool(unit.gist) and (unit.gist, unit.about) == (other.gist, other.about))


def first_turns(items: Sequence[Item], found: Candidates) -> list[UUID]:
    """The best turn of each item, among those at hand, once."""
    return list(dict.fromkeys(turn for item in items for turn in item.turn_ids[:1] if turn.int in found.place))


def _matches(item: Item) -> bool:
    return item.scores["sparse"] > 0 or item.dense >= MATCH_DENSE
