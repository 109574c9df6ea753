"""Makes conversations of any size whose answers are known: the same seed gives the same events and questions.

A user states facts, changes some of them later, tells of dated purchases, and chats about what matters to nobody.
People around have facts of the same kinds, so that a word in common is not enough. The words are in `synthetic_words`.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import product

from app.errors import InvalidInputError
from app.evaluation.dataset import Conversation, Event, Question
from app.evaluation.synthetic_words import (
    ACKNOWLEDGEMENTS,
    ATTRIBUTES,
    KINDS,
    OTHERS,
    PLACES,
    PURCHASES,
    SMALL_TALK,
    THINGS,
    TOPICS,
    Attribute,
)

START = datetime(2025, 1, 6, 9, 0, tzinfo=UTC)  # a Monday; any fixed day does
SESSION_TURNS = 10  # five of the user, each answered
TURN_SECONDS = 40
STATED = 0.75  # share of the attributes that a user speaks of; the others make questions without an answer
CHANGED = 0.5  # share of those that change once
FILL = ("bought", "other", "talk", "talk", "talk")  # what the turns between are about, each as often


@dataclass(frozen=True, slots=True)
class _Said:
    """One statement: what it answers, and where and when it was made."""

    value: str
    event_id: str
    at: datetime
    place: str = ""


@dataclass
class _User:
    """What one user will say, drawn from `dice`, and what was said so far."""

    dice: random.Random
    user_id: str
    facts: dict[str, list[_Said]] = field(default_factory=dict)
    bought: list[_Said] = field(default_factory=list)
    values: dict[str, list[str]] = field(init=False)
    things: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.values = {a.name: self.dice.sample(a.values, len(a.values)) for a in ATTRIBUTES}
        self.things = [f"{kind} {thing}" for kind, thing in product(KINDS, THINGS)]
        self.dice.shuffle(self.things)

    def say(self, about: Attribute | str, event_id: str, at: datetime) -> str:
        """The words of one turn; what they say is noted. The first two values are the user's, the rest are others'."""
        choose = self.dice.choice
        if isinstance(about, Attribute):
            said = self.facts.setdefault(about.name, [])
            said.append(_Said(self.values[about.name][len(said)], event_id, at))
            return (about.change if len(said) > 1 else about.fact).format(said[-1].value)
        if about == "bought" and self.things:
            self.bought.append(_Said(self.things.pop(), event_id, at, choose(PLACES)))
            return choose(PURCHASES).format(thing=self.bought[-1].value, place=self.bought[-1].place)
        if about == "other":
            attribute = choose(ATTRIBUTES)
            text = attribute.other.format(choose(OTHERS), choose(self.values[attribute.name][2:]))
            return text[0].upper() + text[1:]
        return choose(SMALL_TALK).format(choose(TOPICS))


def generate(*, seed: int, users: int, size: int, suffix: str = "") -> list[Conversation]:
    """`users` conversations of `size` turns each. What a user says depends on the seed, its number and the size."""
    if users < 1 or size < 2:
        raise InvalidInputError("synthetic data needs at least one user with two turns")
    return [conversation(seed, number, size, suffix) for number in range(users)]


def conversation(seed: int, number: int, size: int, suffix: str = "") -> Conversation:
    """One of them."""
    dice = random.Random(f"{seed}:{number}:{size}")  # noqa: S311 - it must be repeatable, nothing here is secret
    user = _User(dice, f"synthetic-{seed}-{number}{suffix}")
    events: list[Event] = []
    at = START
    for place, about in enumerate(_plan(dice, (size + 1) // 2)):
        if place and 2 * place % SESSION_TURNS == 0:  # the next session, some days later
            at = at.replace(hour=9, minute=0, second=0) + timedelta(
                days=dice.randint(1, 4), minutes=dice.randint(0, 600)
            )
        for role in ("user", "assistant"):
            id_ = f"t{len(events) + 1}{suffix}"
            events.append(
                {
                    "id": id_,
                    "user_id": user.user_id,
                    "session_id": f"s{1 + 2 * place // SESSION_TURNS}",
                    "role": role,
                    "content": user.say(about, id_, at) if role == "user" else dice.choice(ACKNOWLEDGEMENTS),
                    "occurred_at": at.isoformat(),
                }
            )
            at += timedelta(seconds=TURN_SECONDS)
    return Conversation(user.user_id, events[:size], _questions(user, at))


def _plan(dice: random.Random, statements: int) -> list[Attribute | str]:
    """What each turn of the user is about: facts in the first half, their changes in the second, the rest between."""
    stated = dice.sample(ATTRIBUTES, max(1, min(round(STATED * len(ATTRIBUTES)), statements // 4)))
    changed = stated[: min(int(CHANGED * len(stated)), statements // 2)]
    half = max(len(stated), statements // 2)
    early: list[Attribute | str] = [*stated, *(dice.choice(FILL) for _ in range(half - len(stated)))]
    late: list[Attribute | str] = [*changed, *(dice.choice(FILL) for _ in range(statements - half - len(changed)))]
    dice.shuffle(early)
    dice.shuffle(late)
    return early + late


def _questions(user: _User, now: datetime) -> list[Question]:
    """About each fact as it is and as it was, each purchase, some days, two facts at once, and what was never told."""

    def ask(  # noqa: PLR0913 - the fields of a question
        text: str,
        category: str,
        said: Sequence[_Said] = (),
        answer: str | None = None,
        *,
        old: Sequence[_Said] = (),
        at: datetime = now,
    ) -> Question:
        gold, stale = (frozenset(s.event_id for s in group) for group in (said, old))
        when = at.isoformat()
        return Question(user.user_id, text, category, gold, stale, answerable=bool(said), as_of=when, answer=answer)

    asked = []
    for attribute in ATTRIBUTES:
        said = user.facts.get(attribute.name, [])
        if not said:
            asked.append(ask(attribute.question, "unanswerable"))
            continue
        category = "updated" if len(said) > 1 else "fact"
        asked.append(ask(attribute.question, category, said[-1:], said[-1].value, old=said[:-1]))
        if len(said) > 1:
            before = said[1].at - timedelta(seconds=1)
            asked.append(ask(attribute.question, "as of then", said[:1], said[0].value, at=before))
    for one in user.bought:
        asked.append(ask(f"Where did I buy the {one.value}?", "purchase", [one], one.place))
        if sum(other.at.date() == one.at.date() for other in user.bought) == 1:
            asked.append(ask(f"What did I buy on {one.at.day} {one.at:%B %Y}?", "dated", [one], one.value))
    told = [attribute for attribute in ATTRIBUTES if attribute.name in user.facts]
    for first, second in zip(told[::2], told[1::2], strict=False):
        text = f"{first.question[:-1]}, and {second.question[0].lower()}{second.question[1:]}"
        asked.append(ask(text, "two facts", [user.facts[first.name][-1], user.facts[second.name][-1]]))
    return asked
