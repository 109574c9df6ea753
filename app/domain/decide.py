"""What becomes of a candidate, given the memories it may be about. Pure; called by the consolidate stage.

The order: same text, then same subject and attribute, then add.
"""

from collections.abc import Sequence
from uuid import UUID

from app.domain.change import Change, Decision, Neighbour
from app.domain.dates import CalendarDate, Precision
from app.domain.memory import Candidate, MemoryStatus, MemoryType
from app.domain.normalise import normalise, text_hash
from app.domain.policy import DecidePolicy

# Words that change neither what is said nor when: statements of one value that differ only in these are the same.
_FILLER_WORDS = """
    a an the is are was am be been being has have had does do did s of to in on at by for with and or so that this it
    its now currently still really just also already these those days actually basically moment right here very quite
    well too finally officially recently lately"""
_FILLERS = frozenset(_FILLER_WORDS.split())


def decide(candidate: Candidate, neighbours: Sequence[Neighbour], policy: DecidePolicy) -> Change:
    """The change that the candidate makes. Neighbours may come in any order and hold memories that do not matter."""
    same_text = text_hash(candidate.text)
    for known in neighbours:
        if known.text_hash == same_text and known.status is MemoryStatus.ACTIVE:
            return Change(Decision.IGNORE, "same_text", strengthens=known.id)
    rivals = [known for known in neighbours if _same_matter(candidate, known)]
    if not rivals:
        return Change(Decision.ADD, "new")
    return _against(candidate, rivals, policy)


def _same_matter(candidate: Candidate, known: Neighbour) -> bool:
    """Same subject and attribute, still believed; a plan speaks of another matter than what already is."""
    return (
        known.status is MemoryStatus.ACTIVE
        and candidate.attribute is not None
        and (known.subject, known.attribute) == (candidate.subject, candidate.attribute)
        and (known.type is MemoryType.FORESIGHT) == (candidate.type is MemoryType.FORESIGHT)
    )


def _against(candidate: Candidate, rivals: Sequence[Neighbour], policy: DecidePolicy) -> Change:
    """The candidate beside what is believed of the same subject and attribute."""
    equal = [known for known in rivals if known.value == candidate.value and known.negated == candidate.negated]
    said = _content(candidate.text)
    for known in sorted(equal, key=lambda k: str(k.id)):
        if said <= _content(known.text):
            return Change(Decision.IGNORE, "same_value", strengthens=known.id)
    narrower = tuple(k.id for k in sorted(equal, key=lambda k: str(k.id)) if not k.frozen and _content(k.text) < said)
    if policy.add_only:
        return Change(Decision.ADD, "add_only")
    if not candidate.single_valued:
        return _wider(narrower, "another_value")
    others = [known for known in rivals if known not in equal and known.single_valued]
    later = [known for known in others if known.last_said_at > candidate.occurred_at]
    if later:
        successor = min(later, key=lambda k: (k.last_said_at, str(k.id)))
        return Change(
            Decision.SUPERSEDE,
            "arrived_late",
            live_until=max(successor.live_from, candidate.occurred_at),
            superseded_by=successor.id,
            valid_to=candidate.valid_to,
        )
    ends = tuple(known.id for known in others if not known.frozen)
    if ends:
        since = candidate.valid_from or _day(candidate)
        return Change(Decision.SUPERSEDE, "new_value", ends=(*ends, *narrower), inherits=narrower, valid_to=since)
    return _wider(narrower, "frozen" if others else "says_more")


def _wider(narrower: tuple[UUID, ...], otherwise: str) -> Change:
    """Take the place of statements that say less of the same; without such, stand beside what is there."""
    if narrower:
        return Change(Decision.SUPERSEDE, "says_more", ends=narrower, inherits=narrower)
    return Change(Decision.ADD, otherwise)


def _content(text: str) -> frozenset[str]:
    return frozenset(normalise(text).split()) - _FILLERS


def _day(candidate: Candidate) -> CalendarDate:
    return CalendarDate(candidate.occurred_at.date().isoformat(), Precision.DAY)
