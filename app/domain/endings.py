"""States that are over: "the user sold the car" ends "the user has a red car". Pure; part of `decide`."""

import re
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from app.domain.change import Change, Decision, Neighbour
from app.domain.dates import CalendarDate, Precision
from app.domain.memory import Candidate, MemoryType
from app.domain.normalise import normalise
from app.domain.sameness import content

# How a statement without that key says the same state: the verb, then within a few words the thing itself.
_SAID = {
    "has": "has|have|owns|own|drives|drive|rides|ride|keeps|keep|got|bought|adopted",
    "likes": "likes|like|loves|love|enjoys|enjoy|adores|eats|eat|drinks|drink|smokes|smoke",
    "plays": "plays|play|practises|practices",
    "does": "takes|take|uses|use|does|do|is on|attends|attend|goes to|studies|study|learns|learn|reads|runs|run|pays"
    "|drives|has|eats|drinks|follows|wears|keeps|works with|is taking|is using|is learning|is studying|is reading"
    "|is a|is an",
}
_STATES = frozenset({MemoryType.FACT, MemoryType.PREFERENCE, MemoryType.EPISODE})
NEAR_WORDS = 5  # between the verb and the thing ("has a small dark red Volvo")


def closing(candidate: Candidate) -> Candidate:
    """The form in which a statement that a state is over is kept: an episode that denies the state."""
    return replace(candidate, type=MemoryType.EPISODE, negated=True, single_valued=False)


def ended(candidate: Candidate, active: Sequence[Neighbour], named: tuple[UUID, ...]) -> Change:
    """Closes the states that are over, those of its key and the `named` ones, and keeps the statement saying so."""
    value = candidate.value or None
    keyed = [known for known in active if same_key(candidate, known)]
    found = [
        known.id
        for known in _of_value(value, [k for k in keyed if _open(k, candidate)])
        if value is not None or known.type is not MemoryType.FORESIGHT or _is_plan(candidate)
    ]
    if not found and not named:
        other = [
            k for k in active if k not in keyed and _open(k, candidate) and _says(k.type, k.text, k.subject, candidate)
        ]
        found = [known.id for known in other] if len(other) == 1 else []
    over = tuple(dict.fromkeys((*found, *named)))
    for known in keyed:
        if known.closes and known.value == candidate.value and content(candidate.text) <= content(known.text):
            return Change(
                Decision.INVALIDATE if over else Decision.IGNORE,
                "ended" if over else "same_value",
                strengthens=known.id,
                invalidates=over,
                valid_to=since(candidate),
            )
    if not over:
        return Change(Decision.ADD, "ended")
    return Change(Decision.INVALIDATE, "ended", invalidates=over, valid_to=since(candidate), keeps=True)


def closes(known: Neighbour, candidate: Candidate) -> bool:
    """Whether a later statement, known already, says that the state which the candidate tells of is over."""
    if not known.closes or candidate.negated or known.last_said_at <= candidate.occurred_at:
        return False
    if same_key(candidate, known):
        return not known.value or known.value == candidate.value
    return _says(candidate.type, candidate.text, candidate.subject, known)


def same_key(candidate: Candidate, known: Neighbour) -> bool:
    """Whether both speak of the same attribute of the same subject."""
    return candidate.attribute is not None and (known.subject, known.attribute) == (
        candidate.subject,
        candidate.attribute,
    )


def since(candidate: Candidate) -> CalendarDate:
    """From when on the candidate says that things are so."""
    return candidate.valid_from or CalendarDate(candidate.occurred_at.date().isoformat(), Precision.DAY)


def _open(known: Neighbour, candidate: Candidate) -> bool:
    """Whether it is a state that something said now can end."""
    return not (known.closes or known.negated or known.frozen) and known.last_said_at <= candidate.occurred_at


def _is_plan(candidate: Candidate) -> bool:
    return (candidate.attribute or "").startswith("plan:")


def _of_value(value: str | None, states: Sequence[Neighbour]) -> Sequence[Neighbour]:
    """Those states that the value names: exactly, or else the only one that it names in part."""
    if value is None:
        return states
    exact = [known for known in states if known.value == value]
    if exact:
        return exact
    words = frozenset(normalise(value).split())
    partly = [known for known in states if known.value and _in_part(words, frozenset(normalise(known.value).split()))]
    return partly if len(partly) == 1 else ()


def _in_part(words: frozenset[str], others: frozenset[str]) -> bool:
    return words <= others or others <= words


def _says(type_: MemoryType, text: str, subject: str | None, state: Candidate | Neighbour) -> bool:
    """Whether a statement says a state in its own words: "The user has a red Volvo."."""
    verbs, value = _SAID.get(state.attribute or ""), state.value
    owner, _, whose = (state.subject or "").partition(" ")
    if verbs is None or not value or owner != "user" or type_ not in _STATES:
        return False
    if subject not in {None, "user", state.subject}:
        return False
    who = rf"the users {re.escape(whose)}" if whose else "the users?"
    thing = re.escape(normalise(value))
    between = rf"(?:\S+ ){{0,{NEAR_WORDS}}}?"
    return re.match(rf"{who} (?:\S+ ){{0,2}}?(?:{verbs}) {between}{thing}s?\b", normalise(text)) is not None
