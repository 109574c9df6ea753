"""Links of a new memory to those around it, by rule. Pure; used by `apply`, written with the memory.

`similar` by cosine, `temporal` to what the same session said before on that day, `contradicts` to what it corrects or
replaces, `derived_from` to what it says more of, `causal` from a reason to what it explains, `mentions` to what is
known of a person that it names, `part_of` to the stay or event during which it happened.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.domain.change import Change, Neighbour, NewLink
from app.domain.memory import Candidate, MemoryStatus, MemoryType
from app.domain.normalise import normalise
from app.domain.sameness import content

MOST_SIMILAR = 3  # links of one memory: more only repeats the search by vector
MOST_MENTIONS = 3
REASON_SHARE = 0.6  # of the words of a reason that another memory must hold to be that reason (choice)
REASON_WORDS = 2
_BECAUSE = re.compile(r"\b(?:because(?: of)?|due to|as a result of|thanks to)\s+(?P<reason>[^.;!?]+)", re.IGNORECASE)
_THEREFORE = re.compile(
    r"(?P<reason>[^.;!?]+?),?\s+(?:so that|so|therefore|which is why|that is why)\s+", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Linking:
    """The part of the policy that says how many neighbours are looked at, and from where on two are similar."""

    link_cosine: float
    max_neighbours: int


def links_of(candidate: Candidate, change: Change, near: Sequence[Neighbour], linking: Linking) -> tuple[NewLink, ...]:
    """The links of the memory that this candidate becomes; none to itself, one of a type to each other."""
    found = [*change.links]
    replaced = [*change.invalidates, *(ended for ended in change.ends if ended not in change.inherits)]
    found += [NewLink(other, "contradicts", 1.0, change.reason) for other in replaced]
    found += [NewLink(other, "derived_from", 1.0, change.reason) for other in change.inherits]
    if change.superseded_by is not None:
        found.append(NewLink(change.superseded_by, "contradicts", 1.0, change.reason))
    taken = {link.to_id for link in found}
    others = [known for known in near if known.status is MemoryStatus.ACTIVE and known.id not in taken]
    found += _similar(others, linking)
    found += _temporal(candidate, others)
    found += _causal(candidate, others)
    found += _mentions(candidate, others)
    found += _part_of(candidate, others)
    return tuple({(link.to_id, link.type): link for link in found}.values())


def _similar(near: Sequence[Neighbour], linking: Linking) -> list[NewLink]:
    close = [(k.cosine, k) for k in near if k.cosine is not None and k.cosine >= linking.link_cosine]
    nearest = sorted(close, key=lambda pair: (-pair[0], str(pair[1].id)))[:MOST_SIMILAR]
    return [NewLink(known.id, "similar", min(1.0, round(cosine, 4)), "near") for cosine, known in nearest]


def _temporal(candidate: Candidate, near: Iterable[Neighbour]) -> list[NewLink]:
    """To the one said last before it, in the same session on the same day of the one who speaks."""
    zone = candidate.occurred_at.tzinfo
    same = [
        known
        for known in near
        if candidate.session_id is not None
        and known.session_id == candidate.session_id
        and known.live_from <= candidate.occurred_at
        and known.live_from.astimezone(zone).date() == candidate.occurred_at.date()
    ]
    latest = max(same, key=lambda k: (k.live_from, str(k.id)), default=None)
    return [] if latest is None else [NewLink(latest.id, "temporal", 1.0, "same_session_same_day")]


def _causal(candidate: Candidate, near: Iterable[Neighbour]) -> list[NewLink]:
    """To the memory that holds the reason which the statement gives."""
    match = _BECAUSE.search(candidate.text) or _THEREFORE.search(candidate.text)
    reason = content(match["reason"]) - {"user", "users"} if match else frozenset()
    if len(reason) < REASON_WORDS:
        return []
    held = [(len(reason & content(known.text)) / len(reason), known) for known in near]
    best = max(held, key=lambda pair: (pair[0], str(pair[1].id)), default=None)
    if best is None or best[0] < REASON_SHARE:
        return []
    return [NewLink(best[1].id, "causal", round(best[0], 4), "gives_the_reason")]


def _mentions(candidate: Candidate, near: Iterable[Neighbour]) -> list[NewLink]:
    """To memories about somebody whom the statement names without being about them."""
    names = {normalise(name) for name in candidate.entities}
    about = [
        known
        for known in near
        if known.subject is not None
        and known.subject != candidate.subject
        and any(name and known.subject.split()[-len(name.split()) :] == name.split() for name in names)
    ]
    latest = sorted(about, key=lambda k: (k.live_from, str(k.id)), reverse=True)[:MOST_MENTIONS]
    return [NewLink(known.id, "mentions", 1.0, "names_its_subject") for known in latest]


def _part_of(candidate: Candidate, near: Iterable[Neighbour]) -> list[NewLink]:
    """To the stretch of time (a trip, a stay) in which it happened, when both name the same place or thing."""
    when = candidate.event_time
    if when is None or candidate.valid_from is not None:
        return []
    names = {normalise(name) for name in candidate.entities}
    around = [
        known
        for known in near
        if known.type in {MemoryType.EPISODE, MemoryType.FORESIGHT}
        and known.valid_from is not None
        and known.valid_to is not None
        and known.valid_from.start() <= when.start()
        and when.end() <= known.valid_to.end()
        and any(f" {name} " in f" {normalise(known.text)} " for name in names if name)
    ]
    return [NewLink(known.id, "part_of", 1.0, "happened_during") for known in around[:1]]
