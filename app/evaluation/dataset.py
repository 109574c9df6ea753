"""What every data set becomes: conversations of one user each, and questions with the events that answer them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.errors import InvalidInputError

Event = dict[str, Any]  # as POST /v1/events takes it, always with `id` and `occurred_at`
OVERALL = "overall"  # the group of everything that a data set averages


@dataclass(frozen=True, slots=True)
class Question:
    """A question to one user's memory. `gold` and `stale` are ids of events: those that answer it, and those that
    said what is no longer so. `as_of` is when it is asked (RFC 3339; None: now).
    """

    user_id: str
    text: str
    category: str
    gold: frozenset[str] = frozenset()
    stale: frozenset[str] = frozenset()
    answerable: bool = True
    as_of: str | None = None
    answer: str | None = None


@dataclass(frozen=True, slots=True)
class Conversation:
    """All events of one user in the order in which they were said, and what is asked of them."""

    user_id: str
    events: list[Event]
    questions: list[Question] = field(default_factory=list)


def read_json(path: Path) -> Any:
    """The document in a file; raises InvalidInputError where there is none."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"{path}: {error}") from error


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a JSON Lines file; raises InvalidInputError with the number of a bad line."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise InvalidInputError(f"{path}: {error}") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except ValueError as error:
            raise InvalidInputError(f"{path}, line {number}: not JSON ({error})") from error
        if not isinstance(value, dict):
            raise InvalidInputError(f"{path}, line {number}: not a JSON object")
        yield value


def first_questions(conversations: list[Conversation], most: int | None) -> list[Conversation]:
    """The conversations with at most `most` questions in all, spread evenly; those left without a question go."""
    if most is None:
        return conversations
    everything = [(i, question) for i, conversation in enumerate(conversations) for question in conversation.questions]
    step = max(1.0, len(everything) / most)
    kept = [everything[int(n * step)] for n in range(min(most, len(everything)))]
    return [
        Conversation(c.user_id, c.events, [question for at, question in kept if at == i])
        for i, c in enumerate(conversations)
        if any(at == i for at, _ in kept)
    ]
