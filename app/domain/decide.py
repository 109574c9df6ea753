"""What becomes of a candidate, given the memories it may be about. Pure; called by the consolidate stage.

The order: what it takes back, the same text, what it ends or corrects, the same subject and attribute, the nearest by
meaning, then add. The outcome does not depend on the order in which statements arrive: what was said later holds.
"""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from app.domain.change import Change, Decision, Neighbour
from app.domain.endings import closes, ended, same_key, since
from app.domain.memory import Candidate, MemoryStatus, MemoryType
from app.domain.normalise import text_hash
from app.domain.outdating import outdates, side_of_candidate, side_of_memory
from app.domain.policy import DecidePolicy
from app.domain.precision import is_vague, refines
from app.domain.sameness import alike_figures, content, may_concern, same_meaning
from app.domain.taking_back import taken_back

HISTORY = frozenset({MemoryStatus.SUPERSEDED, MemoryStatus.INVALIDATED, MemoryStatus.MERGED})
SAME_WORDS = 0.4  # share of words in common from which a correction is about a statement without the same key (choice)


def decide(candidate: Candidate, neighbours: Sequence[Neighbour], policy: DecidePolicy) -> Change:
    """The change that the candidate makes. Neighbours may come in any order and hold memories that do not matter."""
    ordered = sorted(neighbours, key=lambda known: str(known.id))
    active = [known for known in ordered if known.status is MemoryStatus.ACTIVE]
    if candidate.retracts:
        return taken_back(candidate, ordered)
    named = _named(candidate, active)
    if candidate.ends and (candidate.attribute is not None or named):
        change = ended(candidate, active, named)
        return change if change.invalidates else _outdating(candidate, change, active, policy)
    change = _of_matter(candidate, ordered, active, policy)
    if candidate.correction:
        wrong = tuple(dict.fromkeys((*_corrected(candidate, active), *named)))
        return _wrong(change, wrong) if wrong else _outdating(candidate, change, active, policy)
    return _outdating(candidate, _replacing(candidate, change, named), active, policy)


def _outdating(candidate: Candidate, change: Change, active: Sequence[Neighbour], policy: DecidePolicy) -> Change:
    """The change with the near memories that the statement makes untrue; or its own end, if one said later did so."""
    if candidate.compared or policy.add_only or change.live_until is not None:
        return change
    said, ends, reason = side_of_candidate(candidate), [], ""
    for known in active:
        if known.cosine is None or known.id == change.strengthens or known.id in change.ends or known.closes:
            continue
        if known.last_said_at > candidate.occurred_at:
            if change.decision is Decision.ADD and outdates(side_of_memory(known), said):
                return _late(candidate, known)
        elif known.last_said_at < candidate.occurred_at and not known.frozen:
            why = outdates(said, side_of_memory(known))
            if why:
                ends.append(known.id)
                reason = why
    if not ends:
        return change
    changed = replace(change, ends=(*change.ends, *ends), valid_to=since(candidate))
    return replace(changed, decision=Decision.SUPERSEDE, reason=reason) if change.adds else changed


def _named(candidate: Candidate, active: Sequence[Neighbour]) -> tuple[UUID, ...]:
    """The memories that a model named as what this statement changes, as far as it may change them."""
    vague = is_vague(candidate.attribute, candidate.value, candidate.text)
    return tuple(
        known.id
        for known in active
        if known.id in candidate.targets
        and not known.frozen
        and not vague
        and known.last_said_at <= candidate.occurred_at
        and may_concern(candidate.subject, candidate.text, known.subject, known.text)
        and known.text_hash != text_hash(candidate.text)
    )


def _wrong(change: Change, wrong: tuple[UUID, ...]) -> Change:
    """The change with these memories corrected by it."""
    wrong = tuple(known for known in wrong if known != change.strengthens)
    return replace(
        change,
        decision=Decision.INVALIDATE,
        reason="corrected",
        invalidates=wrong,
        ends=tuple(known for known in change.ends if known not in wrong),
        keeps=change.adds,
    )


def _replacing(candidate: Candidate, change: Change, named: tuple[UUID, ...]) -> Change:
    """The change with the memories that a model named in the place of which it stands."""
    more = tuple(known for known in named if known not in change.ends and known != change.strengthens)
    if not more or change.live_until is not None:
        return change
    changed = replace(change, ends=(*change.ends, *more), valid_to=since(candidate))
    return replace(changed, decision=Decision.SUPERSEDE, reason="replaces") if change.adds else changed


def _corrected(candidate: Candidate, active: Sequence[Neighbour]) -> tuple[UUID, ...]:
    """The memories that the correction is about; nothing when that is not clear."""
    differing = [
        known
        for known in active
        if not known.frozen
        and not known.closes
        and known.last_said_at <= candidate.occurred_at
        and text_hash(candidate.text) != known.text_hash
    ]
    keyed = [
        known
        for known in differing
        if same_key(candidate, known) and (known.value, known.negated) != (candidate.value, candidate.negated)
    ]
    named = frozenset(candidate.corrects)
    if named:
        of_events = [known for known in differing if known.event_ids & named]
        chosen = [known for known in keyed if known in of_events] or _like(candidate, of_events)
    elif candidate.attribute is None:
        here = [k for k in differing if k.session_id is not None and k.session_id == candidate.session_id]
        alike = [known for known in here if alike_figures(candidate.text, known.text)]
        chosen = alike if len(alike) == 1 else []
    elif candidate.single_valued:
        chosen = keyed
    else:
        chosen = sorted(keyed, key=lambda k: (k.last_said_at, str(k.id)))[-1:]
    return tuple(known.id for known in chosen)


def _like(candidate: Candidate, memories: Sequence[Neighbour]) -> list[Neighbour]:
    """The memory of those events that shares most words with the correction, or the only one with a figure like its;
    a memory that is alone needs neither.
    """
    free = [k for k in memories if k.subject in {None, candidate.subject} or candidate.subject is None]
    if len(free) < 2:
        return list(free)
    said = content(candidate.text)

    def shared(known: Neighbour) -> float:
        words = content(known.text)
        return len(said & words) / max(1, len(said | words))

    best = max(free, key=lambda known: (shared(known), str(known.id)))
    if shared(best) >= SAME_WORDS:
        return [best]
    alike = [known for known in free if alike_figures(candidate.text, known.text)]
    return alike if len(alike) == 1 else []


def _of_matter(
    candidate: Candidate, neighbours: Sequence[Neighbour], active: Sequence[Neighbour], policy: DecidePolicy
) -> Change:
    """The candidate beside what says the same and what is believed of the same subject and attribute."""
    rivals = [known for known in active if _same_matter(candidate, known)]
    same_text = text_hash(candidate.text)
    twins = [known for known in neighbours if known.text_hash == same_text]
    for known in twins:
        if known.status is MemoryStatus.ACTIVE:
            return _again(candidate, known, "same_text", rivals)
    for known in twins:
        if known.status in HISTORY and known.event_ids.issuperset(candidate.event_ids):
            return Change(Decision.IGNORE, "known_before")  # the same events, read again
    over = [known for known in active if closes(known, candidate)]
    if over:
        return _late(candidate, min(over, key=lambda k: (k.last_said_at, str(k.id))))
    between = [] if policy.add_only else _held_since(candidate, neighbours)
    if between:
        return _outrun(candidate, between, _before(candidate, rivals))
    change = _against(candidate, rivals, policy) if rivals else Change(Decision.ADD, "new")
    return change if change.decision is not Decision.ADD else _nearest(candidate, active, policy) or change


def _held_since(candidate: Candidate, neighbours: Sequence[Neighbour]) -> list[Neighbour]:
    """Other values of a single-valued attribute that were said later and are history by now: they ended this one."""
    return [
        known
        for known in neighbours
        if known.status is MemoryStatus.SUPERSEDED
        and known.single_valued
        and candidate.single_valued
        and _same_matter(candidate, known)
        and (known.value, known.negated) != (candidate.value, candidate.negated)
        and known.last_said_at > candidate.occurred_at
        and not is_vague(known.attribute, known.value, known.text)
    ]


def _before(candidate: Candidate, rivals: Sequence[Neighbour]) -> tuple[UUID, ...]:
    """What was said of the matter before the candidate, with another value: that it ends, even when it is late."""
    vague = is_vague(candidate.attribute, candidate.value, candidate.text)
    return tuple(
        known.id
        for known in rivals
        if known.last_said_at <= candidate.occurred_at
        and (known.value, known.negated) != (candidate.value, candidate.negated)
        and not known.frozen
        and candidate.single_valued
        and not (vague and not is_vague(known.attribute, known.value, known.text))
        and not refines(known.value, candidate.value, candidate.text)
    )


def _outrun(candidate: Candidate, later: Sequence[Neighbour], ends: tuple[UUID, ...]) -> Change:
    """History from the start: the first of what was said later replaced it, and it replaced what was said before."""
    change = _late(candidate, min(later, key=lambda k: (k.last_said_at, str(k.id))))
    return replace(change, ends=ends, ends_from=since(candidate)) if ends else change


def _same_matter(candidate: Candidate, known: Neighbour) -> bool:
    """Same subject and attribute; a plan speaks of another matter than what already is."""
    return (
        same_key(candidate, known)
        and not known.closes
        and (known.type is MemoryType.FORESIGHT) == (candidate.type is MemoryType.FORESIGHT)
    )


def _again(candidate: Candidate, known: Neighbour, reason: str, rivals: Sequence[Neighbour]) -> Change:
    """It was said before. A precise value that is said again ends the vague ones said in between."""
    vague = tuple(
        k.id
        for k in rivals
        if candidate.single_valued
        and k.value != candidate.value
        and not k.frozen
        and k.last_said_at <= candidate.occurred_at
        and is_vague(k.attribute, k.value, k.text)
        and not is_vague(candidate.attribute, candidate.value, candidate.text)
    )
    return Change(Decision.IGNORE, reason, strengthens=known.id, ends=vague, valid_to=since(candidate))


def _against(candidate: Candidate, rivals: Sequence[Neighbour], policy: DecidePolicy) -> Change:
    """The candidate beside what is believed of the same subject and attribute."""
    equal = [known for known in rivals if known.value == candidate.value and known.negated == candidate.negated]
    said = content(candidate.text)
    for known in equal:
        if said <= content(known.text):
            if said == content(known.text) and _newest(candidate, known):
                return replace(_again(candidate, known, "same_value", rivals), text=candidate.text)
            return _again(candidate, known, "same_value", rivals)
    narrower = tuple(k.id for k in equal if not k.frozen and content(k.text) < said)
    if policy.add_only:
        return Change(Decision.ADD, "add_only")
    others = [known for known in rivals if known not in equal and (known.single_valued or candidate.single_valued)]
    if not candidate.single_valued:
        later = [known for known in others if known.last_said_at > candidate.occurred_at]
        if later:  # "the canary takes 30 minutes now" leaves no other value before it
            return _late(candidate, min(later, key=lambda k: (k.last_said_at, str(k.id))))
        return _wider(narrower, "another_value")
    return _instead(candidate, others, narrower)


def _instead(candidate: Candidate, others: Sequence[Neighbour], narrower: tuple[UUID, ...]) -> Change:
    """A value of a single-valued attribute beside other values of it."""
    for known in others:
        if known.negated == candidate.negated and refines(known.value, candidate.value, candidate.text):
            return Change(Decision.IGNORE, "less_precise", strengthens=known.id)
    coarser = tuple(
        k.id
        for k in others
        if not k.frozen and k.negated == candidate.negated and refines(candidate.value, k.value, k.text)
    )
    narrower += coarser
    vague = is_vague(candidate.attribute, candidate.value, candidate.text)
    rest = [known for known in others if known.id not in coarser]
    later = [
        known
        for known in rest
        if known.last_said_at > candidate.occurred_at
        and (vague or not is_vague(known.attribute, known.value, known.text))
    ]
    if later:
        return _outrun(candidate, later, _before(candidate, rest))
    earlier = [known for known in rest if known.last_said_at <= candidate.occurred_at]
    if vague:
        precise = [known for known in earlier if not is_vague(known.attribute, known.value, known.text)]
        earlier = [known for known in earlier if known not in precise]
        if precise and not earlier:
            return _wider(narrower, "less_precise")
    ends = tuple(known.id for known in earlier if not known.frozen)
    if ends:
        return Change(
            Decision.SUPERSEDE, "new_value", ends=(*ends, *narrower), inherits=narrower, valid_to=since(candidate)
        )
    return _wider(narrower, "frozen" if earlier else "says_more")


def _late(candidate: Candidate, successor: Neighbour) -> Change:
    """What something else said later has replaced already: history from the start."""
    return Change(
        Decision.SUPERSEDE,
        "arrived_late",
        live_until=max(successor.live_from, candidate.occurred_at),
        superseded_by=successor.id,
        valid_to=candidate.valid_to,
    )


def _wider(narrower: tuple[UUID, ...], otherwise: str) -> Change:
    """Take the place of statements that say less of the same; without such, stand beside what is there."""
    if narrower:
        return Change(Decision.SUPERSEDE, "says_more", ends=narrower, inherits=narrower)
    return Change(Decision.ADD, otherwise)


def _nearest(candidate: Candidate, active: Sequence[Neighbour], policy: DecidePolicy) -> Change | None:
    """The memory that says the same in other words, among those that cosine nominates."""
    nominees = [known for known in active if known.cosine is not None and known.cosine >= policy.same_cosine]
    for known in sorted(nominees, key=lambda k: (-(k.cosine or 0.0), str(k.id))):
        if _comparable(candidate, known) and same_meaning(candidate.text, known.text):
            if _newest(candidate, known):
                return Change(Decision.MERGE, "same_meaning", strengthens=known.id, text=candidate.text)
            return Change(Decision.IGNORE, "same_meaning", strengthens=known.id)
    return None


def _comparable(candidate: Candidate, known: Neighbour) -> bool:
    """Same type, polarity and subject, and no key that speaks against it."""
    return (
        known.type is candidate.type
        and known.negated == candidate.negated
        and known.subject == candidate.subject
        and (known.attribute is None or candidate.attribute is None or known.attribute == candidate.attribute)
        and (known.value is None or candidate.value is None or known.value == candidate.value)
    )


def _newest(candidate: Candidate, known: Neighbour) -> bool:
    """Whether the candidate's wording is the one said last, which is the one that is kept."""
    return not known.frozen and (candidate.occurred_at, candidate.text) > (known.last_said_at, known.text)
