"""Extraction by a language model: one question a segment. Raises ModelFailedError, and the caller reads it locally.

The extract stage calls it outside any transaction. `extract_with` has the interface of the local extractor, and what is
already remembered besides.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from app.domain.event import Event
from app.domain.memory import Candidate
from app.domain.normalise import normalise
from app.domain.policy import Policy
from app.inference.llm import ModelFailedError, Question
from workers.extract.gate import skip_reason
from workers.extract.model_check import BROKEN, Reading, candidate_of, no_source, words_of
from workers.extract.model_parse import statements_in
from workers.extract.model_prompt import PROMPT, SCHEMA, Shown, fence_of, instructions, messages

_BRIEF = frozenset({"pasted_text", "code"})
_ECHO = 120  # characters of the instructions that no answer holds by chance


class Model(Protocol):
    """What extraction needs of `ChatModel`."""

    @property
    def name(self) -> str: ...
    def ask(self, question: Question, *, seconds: float, check: Callable[[], None]) -> str: ...


@dataclass(frozen=True, slots=True)
class Call:
    """Whom to ask, how long it may take, and what may stop it in between."""

    model: Model
    seconds: float
    check: Callable[[], None]


@dataclass(slots=True)
class ModelExtraction:
    """Like the local extractor's answer; `rejected` are the reasons of statements that were refused."""

    candidates: list[Candidate] = field(default_factory=list)
    skipped: dict[UUID, str] = field(default_factory=dict)
    rejected: list[str] = field(default_factory=list)


def extractor_name(model: Model) -> str:
    """The name under which segments are stored: prompt version and model."""
    return f"{PROMPT}/{model.name}"


def worth_asking(events: Sequence[Event], policy: Policy) -> bool:
    """Whether any turn can give a memory at all; a segment of tool output and greetings costs nothing."""
    return any(skip_reason(event, policy) is None for event in events)


def extract_with(
    call: Call,
    events: Sequence[Event],
    context: Sequence[Event],
    shown: Sequence[Shown],
    policy: Policy,
) -> ModelExtraction:
    """What the model finds worth remembering in the events of one segment. Raises ModelFailedError."""
    gated = {event.id: reason for event in events if (reason := skip_reason(event, policy)) is not None}
    brief = frozenset(event_id for event_id, reason in gated.items() if reason in _BRIEF)
    asked = Question(messages(events, context, shown, brief), "memory_statements", SCHEMA)
    reply = call.model.ask(asked, seconds=call.seconds, check=call.check)
    if fence_of(events) in reply or instructions()[:_ECHO] in reply:
        raise ModelFailedError("echo", "the model repeated the question")
    found = statements_in(reply)
    if found is None:
        raise ModelFailedError("unreadable", "the model's answer holds no statements")
    turns = dict(enumerate((*context, *events), 1))
    reading = Reading(
        turns=turns,
        new=frozenset(range(len(context) + 1, len(turns) + 1)),
        shown=dict(enumerate(shown, 1)),
        skipped={e.id: reason for e in events if (reason := no_source(e, gated.get(e.id))) is not None},
        words=words_of([*context, *events], shown),
        policy=policy.extract,
    )
    return _collect(found, events, reading, gated)


def _collect(
    found: Sequence[dict[str, object]], events: Sequence[Event], reading: Reading, gated: dict[UUID, str]
) -> ModelExtraction:
    made = ModelExtraction()
    seen: set[str] = set()
    given: dict[UUID, int] = {}
    refusals: dict[UUID, str] = {}
    for raw in found:
        outcome = candidate_of(raw, reading)
        if isinstance(outcome, str):
            made.rejected.append(outcome)
            continue
        same, event_id = normalise(outcome.text), outcome.event_ids[-1]
        if same in seen or given.get(event_id, 0) >= reading.policy.max_per_event:
            refusals[event_id] = "said_before"
            continue
        seen.add(same)
        given[event_id] = given.get(event_id, 0) + 1
        made.candidates.append(outcome)
    if found and not made.candidates and set(made.rejected) and set(made.rejected) <= BROKEN:
        raise ModelFailedError("unusable", f"no statement can be used: {', '.join(sorted(set(made.rejected)))}")
    fruitful = {event_id for candidate in made.candidates for event_id in candidate.event_ids}
    for event in events:
        if event.id not in fruitful:
            made.skipped[event.id] = gated.get(event.id) or refusals.get(event.id) or "nothing_to_remember"
    return made
