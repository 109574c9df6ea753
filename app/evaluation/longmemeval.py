"""Reads LongMemEval (arXiv 2410.10813): one haystack of sessions for each question, all of it one user's history.

An event's id is `<session>:<number of the turn>`. What the official definition counts is decided in `scoring`.
"""

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from app.errors import InvalidInputError
from app.evaluation.dataset import Conversation, Event, Question, read_json

ABSTENTION = "_abs"  # ends the id of a question whose answer was never said
LONGEST = 65_536  # characters of an event (SPEC 4)
TURN_SECONDS = 20  # the data dates sessions only; turns follow each other at this distance


def read(path: Path, suffix: str = "", *, user_turns_only: bool = False) -> list[Conversation]:
    """Every question with its haystack. `user_turns_only` sends what the official corpus holds, and nothing else."""
    entries = read_json(path)
    try:
        return [conversation_of(entry, suffix, user_turns_only=user_turns_only) for entry in entries]
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInputError(f"{path} is not LongMemEval's data ({error!r})") from error


def conversation_of(entry: dict[str, Any], suffix: str, *, user_turns_only: bool) -> Conversation:
    """One question. Gold are the turns with `has_answer`, of users and assistants, in the sessions that answer it."""
    user = entry["question_id"] + suffix
    evidence = set(entry["answer_session_ids"])
    events: list[Event] = []
    gold = set()
    seen: Counter[str] = Counter()
    haystack = zip(entry["haystack_session_ids"], entry["haystack_dates"], entry["haystack_sessions"], strict=True)
    for name, date, turns in sorted(haystack, key=lambda session: moment(session[1])):
        seen[name] += 1
        session = name if seen[name] == 1 else f"{name}~{seen[name]}"  # a filler session may come twice
        for index, turn in enumerate(turns):
            if not turn["content"].strip() or (user_turns_only and turn["role"] != "user"):
                continue
            event = {
                "id": f"{session}:{index + 1}{suffix}",
                "user_id": user,
                "session_id": session,
                "role": turn["role"],
                "content": turn["content"][:LONGEST],
                "occurred_at": (moment(date) + timedelta(seconds=TURN_SECONDS * index)).isoformat(),
            }
            events.append(event)
            if name in evidence and turn.get("has_answer"):
                gold.add(event["id"])
    said = [datetime.fromisoformat(event["occurred_at"]) for event in events]
    question = Question(
        user,
        entry["question"],
        entry["question_type"],
        gold=frozenset(gold),
        answerable=not entry["question_id"].endswith(ABSTENTION),
        as_of=max([moment(entry["question_date"]), *said]).isoformat(),  # a turn of the same minute counts as said
        answer=str(entry["answer"]),
    )
    return Conversation(user, events, [question])


def moment(text: str) -> datetime:
    """`2023/05/20 (Sat) 02:21`, taken as UTC."""
    day, _, time = text.split()
    return datetime.strptime(f"{day} {time}", "%Y/%m/%d %H:%M").replace(tzinfo=UTC)
