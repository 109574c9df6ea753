"""The course of an evaluation: send, wait until it is understood, ask. The same for every system and data set."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from app.evaluation.dataset import Conversation, Question
from app.evaluation.systems import CONTEXT_TOKENS, Answer, System

Advance = Callable[[int], None]  # told how many of a step are done
Step = Callable[[str, int], AbstractContextManager[Advance]]  # a step of so many parts begins


def unseen(_name: str, _total: int) -> AbstractContextManager[Advance]:
    """A `Step` that nobody watches."""
    return nullcontext(lambda _done: None)


@dataclass(frozen=True, slots=True)
class Fed:
    """How fast the events went in: seconds until all were accepted, and until all were understood."""

    events: int
    accepted: float
    processed: float


@dataclass(frozen=True, slots=True)
class Asked:
    """One question and what the system said."""

    conversation: Conversation
    question: Question
    answer: Answer


def feed(system: System, conversations: Sequence[Conversation], step: Step = unseen) -> Fed:
    """Send all events, then wait for every user; questions are asked of a system at rest."""
    total = sum(len(conversation.events) for conversation in conversations)
    began = time.perf_counter()
    with step("Sending", total) as advance:
        done = 0
        for conversation in conversations:
            system.add(conversation.events)
            done += len(conversation.events)
            advance(done)
    accepted = time.perf_counter() - began
    with step("Understanding", total) as advance:
        done = 0
        for conversation in conversations:
            system.settle(conversation.user_id, lambda understood, before=done: advance(before + understood))  # type: ignore[misc]
            done += len(conversation.events)
            advance(done)
    return Fed(total, accepted, time.perf_counter() - began)


def ask(  # noqa: PLR0913 - what is asked, and how it is shown
    system: System,
    conversations: Sequence[Conversation],
    step: Step = unseen,
    *,
    limit: int,
    max_tokens: int = CONTEXT_TOKENS,
    name: str = "Asking",
) -> list[Asked]:
    """Every question once, in order."""
    asked = []
    with step(name, sum(len(conversation.questions) for conversation in conversations)) as advance:
        for conversation in conversations:
            for question in conversation.questions:
                answer = system.recall(
                    question.user_id, question.text, limit=limit, max_tokens=max_tokens, as_of=question.as_of
                )
                asked.append(Asked(conversation, question, answer))
                advance(len(asked))
    return asked
