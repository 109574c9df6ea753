"""The extractor that needs no model: self-contained statements in the third person, by rule, for English.

`extract` is the extractor's interface; the extract stage calls it outside any transaction. It prefers silence to
invention: whatever is asked, supposed, joked, quoted, reported or secret is left out, and each event that gives nothing
says why.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from app.domain.event import Event, Role
from app.domain.memory import Candidate
from app.domain.normalise import normalise
from app.domain.policy import Policy
from app.domain.temporal import resolve
from workers.extract.followups import Said
from workers.extract.gate import skip_reason
from workers.extract.lexicon import GAME, PAST
from workers.extract.people import People, names_in
from workers.extract.rewrite import ASSISTANT, USER, Person, named
from workers.extract.sentences import Clause, clauses
from workers.extract.statements import Statement, state
from workers.extract.subjects import Scene

EXTRACTOR = "local-3"  # name and version; a new version reads segments again
ASKED_THING = re.compile(
    r"\b(?:what|which) (?:[a-z]+ of )?(?P<thing>[a-z]+) (?:do|is|have|are) (?:you|yours?|it)\b", re.IGNORECASE
)
# What an assistant says of itself that is worth keeping: what it did, undertook or recommended.
PROMISED = re.compile(
    r"^I(?:'ve| have| will|'ll)? (?:just |also |already |now )*(?:book(?:ed)?|reserved?|order(?:ed)?|schedul(?:e"
    r"|ed)|set (?:up|a|an|the)"
    r"|add(?:ed)?|sent|send|email(?:ed)?|creat(?:e|ed)|remind(?:ed)?|chang(?:e|ed)|mov(?:e|ed)|cancel(?:l?ed)?"
    r"|recommend(?:ed)?|suggest(?:ed)?)\b"
    r"(?!.*\b(?:if|let me|would|could)\b)"
)
# "Something exciting happened last Friday. I went ...": the day of what is told next.
ANNOUNCED = re.compile(
    r"^(?:(?:something|the (?:\w+est|best|worst|most \w+)(?: \w+)?|(?:an? )?(?:\w+ )?thing|so much|a lot|big"
    r" news|stuff|what)\b.*\b"
    r"happen(?:ed|s)?\b|(?:you(?:'ll| will) never )?guess (?:what|where|who)\b|you(?:'ll| will) not believe\b"
    r"|what I did\b)",
    re.IGNORECASE,
)
_OWN_DEED = re.compile(
    r"^(?:I|[Ww]e)(?:'ve| have)?(?: finally| just| also| even)? (?:[a-z]{2,}ed|" + "|".join(sorted(PAST)) + r")\b"
)
REMEMBERED = 12  # statements of a person that later fragments may correct or be dated by


@dataclass(slots=True)
class _Reader:
    """Walks through a segment, remembering who was talked about and what was asked."""

    policy: Policy
    names: frozenset[str]
    people: dict[str, People] = field(default_factory=dict)
    question: str | None = None
    playing: str | None = None  # who asked for a game, until they have spoken again
    seen: set[str] = field(default_factory=set)
    history: dict[str, list[Said]] = field(default_factory=dict)
    before: dict[str, list[Candidate]] = field(default_factory=dict)  # what the speaker's turn before gave

    def read(self, event: Event, speakers: Sequence[str]) -> tuple[list[Candidate], str | None]:
        """The event's candidates, or the reason why there are none."""
        reason = skip_reason(event, self.policy)
        question, self.question = self.question, None
        terse = reason == "too_short" and (question is not None or self.history.get(event.speaker))
        if reason is not None and not terse:
            if event.role is Role.ASSISTANT:
                self.question = _last_question(event.content)
            return [], reason
        me, you = _persons(event, speakers)
        if self.playing == event.speaker:
            self.playing = None
            return [], "game"
        if GAME.search(event.content):
            self.playing = event.speaker
        people = self.people.setdefault(event.speaker, People())
        history = self.history.setdefault(event.speaker, [])
        parts = clauses(event.content)
        asking = any(clause.asks or clause.polite for clause in parts)
        if question and (asked := ASKED_THING.search(question)):
            people.thing = asked["thing"].lower()
        scene = Scene(event.occurred_at, me, you, people, self.names, question, asking, history)
        made, reasons = self._state(parts, scene, event)
        if event.content.rstrip().endswith("?"):
            self.question = _last_question(event.content)
        best = sorted(made, key=lambda c: -c.confidence)[: self.policy.extract.max_per_event]
        kept = [c for c in made if c in best]
        self.before[event.speaker] = kept
        return kept, None if kept else (reasons[0] if reasons else "empty")

    def _state(self, parts: Sequence[Clause], scene: Scene, event: Event) -> tuple[list[Candidate], list[str]]:
        """What the clauses of a turn state, and why others state nothing."""
        made: list[Candidate] = []
        reasons: list[str] = []
        history = self.history[event.speaker]
        before = self.before.get(event.speaker)
        day: str | None = None  # when what is told next happened, as it was said
        for clause in parts:
            if ANNOUNCED.match(f"{clause.lead} {clause.text}".strip()) and (
                spans := resolve(clause.text, event.occurred_at)
            ):
                day = clause.text[spans[0].start : spans[0].end]
                continue
            if day is not None:
                if _OWN_DEED.match(clause.text) and not resolve(clause.text, event.occurred_at):
                    clause = replace(clause, text=f"{day}, {clause.text}")  # noqa: PLW2901 - the same clause with its day
                day = None
            outcome = state(clause, scene) if scene.me is not ASSISTANT or PROMISED.match(clause.text) else "assistant"
            if isinstance(outcome, str):
                reasons.append(outcome)
                if outcome == "withdrawn" and made:
                    made.clear()
                elif outcome == "withdrawn" and before:
                    made.append(_retraction(before, event))
                continue
            history.append(Said(outcome.spoken, event.id))
            del history[:-REMEMBERED]
            candidate = self._candidate(outcome, event)
            if candidate is not None:
                made.append(candidate)
        return made, reasons

    def _candidate(self, statement: Statement, event: Event) -> Candidate | None:
        limits = self.policy.extract
        same = normalise(statement.text)
        if len(statement.text) > limits.max_length or statement.confidence < limits.min_confidence or same in self.seen:
            return None
        self.seen.add(same)
        key = statement.key
        return Candidate(
            text=statement.text,
            type=statement.type,
            event_ids=(event.id,),
            occurred_at=event.occurred_at,
            subject=key.subject if key else None,
            attribute=key.attribute if key else None,
            value=(key.value or None) if key else None,
            single_valued=key.single and not statement.ends if key else False,
            negated=statement.negated,
            event_time=statement.event_time,
            valid_from=statement.valid_from,
            valid_to=statement.valid_to,
            importance=statement.importance,
            confidence=statement.confidence,
            entities=statement.entities,
            session_id=event.session_id,
            agent_id=event.agent_id,
            correction=statement.correction,
            corrects=(statement.corrects,) if statement.corrects else (),
            ends=statement.ends,
        )


def extract(
    events: Sequence[Event], context: Sequence[Event], policy: Policy
) -> tuple[list[Candidate], dict[UUID, str]]:
    """What the events of one segment are worth remembering, and for each event that gives nothing the reason.

    `context` holds earlier turns of the session: they tell who is meant, and give no candidates themselves.
    """
    speakers = list(dict.fromkeys(e.name for e in (*context, *events) if e.name))
    reader = _Reader(policy, names_in(e.content for e in (*context, *events)) | frozenset(speakers))
    for event in context:
        reader.read(event, speakers)
    candidates: list[Candidate] = []
    skipped: dict[UUID, str] = {}
    for event in events:
        made, reason = reader.read(event, speakers)
        candidates += made
        if reason is not None:
            skipped[event.id] = reason
    return candidates, skipped


def _persons(event: Event, speakers: Sequence[str]) -> tuple[Person, Person]:
    """Who speaks, and to whom."""
    if not event.name and event.role is Role.ASSISTANT:
        return ASSISTANT, USER
    others = [name for name in speakers if name != event.name]
    you = named(others[0]) if event.name and len(others) == 1 else ASSISTANT
    return named(event.name) if event.name else USER, you


def _retraction(before: Sequence[Candidate], event: Event) -> Candidate:
    """What takes back the statements of the turn before; it adds nothing itself."""
    taken = before[-1]
    return Candidate(
        text=f"Taken back: {taken.text}",
        type=taken.type,
        event_ids=(event.id,),
        occurred_at=event.occurred_at,
        subject=taken.subject,
        attribute=taken.attribute,
        value=taken.value,
        session_id=event.session_id,
        agent_id=event.agent_id,
        retracts=taken.event_ids,
    )


def _last_question(content: str) -> str | None:
    """The question with which a message ends, if it asks about the person."""
    asked = [c.text for c in clauses(content) if c.asks]
    return asked[-1] if asked else None
