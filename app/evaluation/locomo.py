"""Reads LoCoMo (Maharana et al. 2024, arXiv 2402.17753): conversations in sessions, questions with evidence turns.

The data is CC BY-NC 4.0: for evaluation only, never part of the project.
"""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from app.errors import InvalidInputError
from app.evaluation.dataset import Conversation, Event, Question, read_json

CATEGORIES = {1: "multi-hop", 2: "temporal", 3: "open-domain", 4: "single-hop", 5: "adversarial"}
UNANSWERABLE = 5  # asks one speaker about what the other said
TURN_SECONDS = 20  # the data dates sessions only; turns follow each other at this distance
SESSION = re.compile(r"session_(\d+)")
EVIDENCE = re.compile(r"D\d+:\d+")  # an entry may name several turns


def read(path: Path, suffix: str = "") -> list[Conversation]:
    """All samples. `suffix` makes the ids of users and events those of a new run."""
    samples = read_json(path)
    try:
        return [conversation_of(sample, suffix) for sample in samples]
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInputError(f"{path} is not LoCoMo's data ({error!r})") from error


def conversation_of(sample: dict[str, Any], suffix: str) -> Conversation:
    """One sample: a turn's event id is `<sample>:<dia_id><suffix>`. Evidence that names no turn is left out."""
    name = sample["sample_id"]
    user = name + suffix
    events = events_of(sample["conversation"], name, suffix)
    known = {event["id"] for event in events}
    questions = []
    for entry in sample["qa"]:
        labels = {label for text in entry.get("evidence", []) for label in EVIDENCE.findall(text)}
        category = entry["category"]
        questions.append(
            Question(
                user,
                entry["question"],
                CATEGORIES[category],
                gold=frozenset(f"{name}:{label}{suffix}" for label in labels) & known,
                answerable=category != UNANSWERABLE,
                answer=str(entry["answer"]) if "answer" in entry else None,
            )
        )
    return Conversation(user, events, questions)


def events_of(talk: dict[str, Any], name: str, suffix: str) -> list[Event]:
    """The turns. The first speaker is the user; what an image shows stands in brackets after the words."""
    events = []
    for number in sorted(int(match[1]) for key in talk if (match := SESSION.fullmatch(key))):
        start = datetime.strptime(talk[f"session_{number}_date_time"], "%I:%M %p on %d %B, %Y").replace(tzinfo=UTC)
        for index, turn in enumerate(talk[f"session_{number}"]):
            text = turn["text"]
            if turn.get("blip_caption"):
                text += f" [shares an image: {turn['blip_caption']}]"
            events.append(
                {
                    "id": f"{name}:{turn['dia_id']}{suffix}",
                    "user_id": name + suffix,
                    "session_id": f"session_{number}",
                    "role": "user" if turn["speaker"] == talk["speaker_a"] else "assistant",
                    "name": turn["speaker"],
                    "content": text,
                    "occurred_at": (start + timedelta(seconds=TURN_SECONDS * index)).isoformat(),
                }
            )
    return events
