"""One statement of a model to a candidate, or the reason why it is refused. Nothing that a model writes is believed:
numbers must be among those shown, dates must exist, texts must stand alone and rest on what was said. Pure.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from app.domain.dates import CalendarDate
from app.domain.event import Event, Role
from app.domain.lexical import tokens
from app.domain.memory import Candidate, MemoryType
from app.domain.normalise import normalise
from app.domain.policy import ExtractPolicy
from app.domain.sameness import may_concern
from app.domain.secrets import MASK, contains_secret
from app.domain.temporal import absolute, resolve
from workers.extract.attributes import entities_of, negated
from workers.extract.model_keys import attribute_key, is_single, subject_key, value_key
from workers.extract.model_prompt import Shown
from workers.extract.rewrite import ASSISTANT, USER, named, third_person

CONFIDENCE = 0.85  # a model that is asked to leave out what is doubtful; rules give 0.5 to 0.9
_LONGEST_IN = 2_000  # characters of a text that are looked at at all

_LOOSE = re.compile(
    r"\b(?:i|i'm|i've|i'll|i'd|my|mine|me|we|our|you|your|today|yesterday|tomorrow|tonight"
    r"|(?:last|next|this|coming) (?:week|month|year|weekend|night|spring|summer|autumn|fall|winter|\w+day)"
    r"|\w+ (?:days?|weeks?|months?|years?) ago)\b",
    re.IGNORECASE,
)
_OPENS_LOOSE = re.compile(r"^(?:he|she|it|they|his|her|its|their|this|that|these|those|there)\b", re.IGNORECASE)
_IN_QUOTES = re.compile(r"[\"\u201c\u201d][^\"\u201c\u201d]*[\"\u201c\u201d]")
_ABOUT_THE_TALK = re.compile(
    r"^\S+(?: user)? (?:jok(?:es|ed)|(?:is|was) (?:joking|asking|greeting|testing)|greeted|thanked"
    r"|said (?:hello|hi|thanks)|wants to know|wonder(?:s|ed)"
    r"|ask(?:s|ed) (?:for|about|whether|if|how|what|which|when|where|why|the assistant))\b",
    re.IGNORECASE,
)
_PROMISE = re.compile(r"^The assistant (?:will|promised to|promises to|agreed to|is going to)\b")  # about itself only
_DATE = re.compile(r"^\s*(\d{4}(?:-\d{2}(?:-\d{2})?)?)(?![\d-])")
_UNSTORABLE = re.compile("[\x00-\x08\x0e-\x1f\x7f\ud800-\udfff]")  # PostgreSQL takes no NUL, UTF-8 no lone surrogate
_NUMBER = re.compile(r"\d+")
_SENTENCE_END = re.compile(r"(?<=[.!])\s+(?=[A-Z])")
_TYPES: Mapping[str, MemoryType] = {
    "fact": MemoryType.FACT, "preference": MemoryType.PREFERENCE, "episode": MemoryType.EPISODE,
    "event": MemoryType.EPISODE, "procedure": MemoryType.PROCEDURE, "foresight": MemoryType.FORESIGHT,
    "plan": MemoryType.FORESIGHT,
}  # fmt: skip
_RELATIONS = frozenset({"same_as", "replaces", "corrects", "ends", "retracts"})
# Refusals that say that the reply is broken, and not that the statement is unwanted.
BROKEN = frozenset({"no_text", "no_source", "not_grounded"})


@dataclass(frozen=True, slots=True)
class Reading:
    """What the model was shown, by the numbers that it was shown under; `skipped` are turns that give no memories."""

    turns: Mapping[int, Event]
    new: frozenset[int]
    shown: Mapping[int, Shown]
    skipped: Mapping[UUID, str]
    words: frozenset[str]
    policy: ExtractPolicy


def words_of(events: Sequence[Event], shown: Sequence[Shown] = ()) -> frozenset[str]:
    """The content words of what was said and of what is remembered, as stems, and its numbers."""
    said = [*(f"{event.name or ''} {event.content}" for event in events), *(memory.text for memory in shown)]
    return frozenset(word for text in said for word in (*tokens(text), *_NUMBER.findall(text)))


def candidate_of(raw: Mapping[str, Any], reading: Reading) -> Candidate | str:
    """The candidate that a statement makes, or why it makes none."""
    given = _text(raw.get("text"))
    if given is None:
        return "no_text"
    cited = [reading.turns[number] for number in _numbers(raw.get("turns")) if number in reading.new]
    if not cited:
        return "no_source"
    sources = [event for event in cited if event.id not in reading.skipped]
    if not sources and _PROMISE.match(" ".join(given.split())):
        sources = [event for event in cited if reading.skipped.get(event.id) == "assistant"]
    if not sources:
        return reading.skipped[cited[-1].id]
    said = max(sources, key=lambda event: (event.occurred_at, event.seq))
    text = _alone(given, said, reading.policy.max_length)
    reason = _refused(text, reading)
    if reason is not None:
        return reason
    made = _keyed(raw, text, said)
    candidate = replace(
        made,
        event_ids=tuple(dict.fromkeys(event.id for event in sources)),
        importance=_importance(made),
        entities=entities_of(text),
    )
    return _related(candidate, raw, reading)


def _alone(given: str, said: Event, longest: int) -> str:
    """The text in one line with its full stop; what points at the speaker or the day is put into words that last."""
    text = " ".join(given.replace("\u2019", "'").split())
    if _LOOSE.search(_IN_QUOTES.sub("", text)):
        me = named(said.name) if said.name else USER
        text = third_person(absolute(text, resolve(text, said.occurred_at)), me, ASSISTANT)
    text = text[:1].upper() + text[1:]
    text = text if text.endswith((".", "!", "?")) else f"{text}."
    while len(text) > longest and (parts := _SENTENCE_END.split(text))[1:]:
        text = " ".join(parts[:-1])
    return text


def _refused(text: str, reading: Reading) -> str | None:  # noqa: PLR0911 - one return for each reason
    if contains_secret(text) or MASK in text:
        return "secret"
    if text.endswith("?"):
        return "question"
    if len(text) > reading.policy.max_length:
        return "too_long"
    if _LOOSE.search(_IN_QUOTES.sub("", text)) or _OPENS_LOOSE.match(text):
        return "not_self_contained"
    if _ABOUT_THE_TALK.match(text):
        return "not_a_fact"
    if len(text.split()) < 3:
        return "too_short"
    return None if reading.words.intersection((*tokens(text), *_NUMBER.findall(text))) else "not_grounded"


def _keyed(raw: Mapping[str, Any], text: str, said: Event) -> Candidate:
    attribute = attribute_key(_text(raw.get("attribute")))
    subject = subject_key(_text(raw.get("subject")), said.name)
    value = value_key(_text(raw.get("value")))
    keyed = bool(attribute and subject and value)
    denies = negated(text)
    event_time = _date(raw.get("event_time"))
    kind = _TYPES.get(str(raw.get("type")).lower(), MemoryType.FACT)
    if kind is MemoryType.FORESIGHT and event_time and event_time.text < _today(said)[: len(event_time.text)]:
        kind = MemoryType.EPISODE
    proposed = str(raw.get("single_valued")).lower() == "true"
    return Candidate(
        text=text,
        type=kind,
        event_ids=(said.id,),
        occurred_at=said.occurred_at,
        subject=subject if keyed else None,
        attribute=attribute if keyed else None,
        value=value if keyed else None,
        single_valued=keyed and not denies and attribute is not None and is_single(attribute, proposed),
        negated=denies,
        event_time=event_time,
        valid_from=_date(raw.get("valid_from")) or event_time,
        valid_to=_date(raw.get("valid_to")),
        confidence=CONFIDENCE,
        compared=True,
        session_id=said.session_id,
        agent_id=said.agent_id,
    )


def _related(candidate: Candidate, raw: Mapping[str, Any], reading: Reading) -> Candidate | str:
    """The candidate with what it says about memories that were shown. What was said later stays as it is."""
    relation = str(raw.get("relation")).lower()
    numbers = _numbers(raw.get("memories")) if relation in _RELATIONS else []
    named_ones = [reading.shown[number] for number in numbers if number in reading.shown]
    targets = [known for known in named_ones if _may_touch(candidate, known)]
    if not targets:
        return "takes_back_nothing" if relation == "retracts" else candidate
    first = next((known for known in targets if known.attribute is not None), targets[0])
    if relation == "same_as":
        return _repeats(candidate, first)
    if first.attribute is not None and not _is_past(first, targets, reading):
        candidate = replace(
            candidate,
            subject=first.subject,
            attribute=first.attribute,
            value=candidate.value or value_key(candidate.text),
            single_valued=first.single_valued or candidate.single_valued,
        )
    earlier = [known for known in targets if known.said_at <= candidate.occurred_at]
    return _changes(candidate, relation, first, earlier) if earlier else candidate


def _is_past(known: Shown, targets: Sequence[Shown], reading: Reading) -> bool:
    """Whether something later is shown of its matter, which is not meant: "keeps the old phone" leaves the new one."""
    return known.single_valued and any(
        (other.subject, other.attribute) == (known.subject, known.attribute)
        and other not in targets
        and other.said_at > known.said_at
        for other in reading.shown.values()
    )


def _repeats(candidate: Candidate, known: Shown) -> Candidate:
    """In the words in which it is known, so that consolidation sees one more saying of it."""
    return replace(
        candidate,
        text=known.text,
        type=known.type,
        subject=known.subject,
        attribute=known.attribute,
        value=known.value,
        single_valued=known.single_valued,
        negated=negated(known.text),
    )


def _changes(candidate: Candidate, relation: str, first: Shown, targets: Sequence[Shown]) -> Candidate:
    """The candidate with the flags that tell consolidation what it does to its targets."""
    candidate = replace(candidate, targets=tuple(known.id for known in targets if known.id is not None))
    events = tuple(dict.fromkeys(event_id for known in targets for event_id in known.event_ids))
    if relation == "retracts":
        return replace(candidate, retracts=events)
    if relation == "ends" and first.attribute is not None:
        return replace(candidate, ends=True, value=first.value, single_valued=False)
    if relation == "replaces" and len(candidate.targets) == len(targets):
        return candidate
    same_kind = (first.type is MemoryType.FORESIGHT) == (candidate.type is MemoryType.FORESIGHT)
    if relation == "replaces" and first.attribute is not None and first.single_valued and same_kind:
        return candidate  # the key says it all
    return replace(candidate, correction=True, corrects=events)


def _may_touch(candidate: Candidate, known: Shown) -> bool:
    """A statement about one person never touches what is known of another, unless it names it ("Rex died")."""
    if may_concern(candidate.subject, candidate.text, known.subject, known.text):
        return True
    return bool(known.value) and set((known.value or "").split()) <= set(normalise(candidate.text).split())


def _numbers(value: Any) -> list[int]:
    """Integers in whatever form; everything else is dropped."""
    found = value if isinstance(value, list) else [value]
    numbers = [
        int(item)
        for item in found
        if (isinstance(item, int) and not isinstance(item, bool))
        or (isinstance(item, float) and item.is_integer())
        or (isinstance(item, str) and item.isascii() and item.isdecimal() and len(item) < 6)
    ]
    return list(dict.fromkeys(numbers))[:50]


def _text(value: Any) -> str | None:
    """A text that can be stored, or None for nothing."""
    text = _UNSTORABLE.sub(" ", value[:_LONGEST_IN]) if isinstance(value, str) else ""
    return text if text.strip().lower() not in {"", "null", "none", "n/a"} else None


def _date(value: Any) -> CalendarDate | None:
    """A date as far as it can be read: an instant without its offset is its day."""
    match = _DATE.match(value) if isinstance(value, str) else None
    if match is None:
        return None
    try:
        return CalendarDate.parse(match[1])
    except ValueError:
        return None


def _today(said: Event) -> str:
    return said.occurred_at.date().isoformat()


def _importance(candidate: Candidate) -> float:
    lasting = candidate.type in {MemoryType.FORESIGHT, MemoryType.PREFERENCE, MemoryType.PROCEDURE}
    return round(0.5 + 0.2 * bool(candidate.attribute) + 0.1 * candidate.single_valued + 0.1 * lasting, 2)


def no_source(event: Event, reason: str | None) -> str | None:
    """Why a turn cannot be the source of a statement, given the gate's reason. A short answer can; an assistant without
    a name only speaks for itself, whatever the policy says about its statements.
    """
    if event.role is Role.ASSISTANT and not event.name:
        return "assistant"
    return None if reason == "too_short" and event.role is not Role.TOOL else reason
