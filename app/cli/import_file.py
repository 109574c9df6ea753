"""Reading a file of events: one JSON object a line, each with an id, so that an import can be repeated at any point."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from app.cli.failure import CommandError

BATCH_EVENTS = 200  # below the service's 1,000, so that progress is seen and a slow machine answers in time
BATCH_BYTES = 2_000_000  # below the service's 8 MiB


@dataclass(frozen=True, slots=True)
class Line:
    """One event with the number of its line."""

    number: int
    event: dict[str, Any]
    size: int


def count(file: Path) -> int:
    """How many lines are not blank."""
    with file.open("rb") as stream:
        return sum(1 for line in stream if line.strip())


def read(file: Path, user: str | None, session: str | None) -> Iterator[Line]:
    """The events of the file; `user` and `session` fill in what a line does not say.

    A line without an id gets one from its number and content: the same file gives the same ids.
    """
    with file.open("rb") as stream:
        for number, raw in enumerate(stream, 1):
            text = raw.strip()
            if not text:
                continue
            try:
                event = json.loads(text)
            except ValueError as error:
                raise CommandError(f"{file}, line {number}: not JSON ({error})") from error
            if not isinstance(event, dict):
                raise CommandError(f"{file}, line {number}: an event is a JSON object")
            if user is not None:
                event.setdefault("user_id", user)
            if session is not None:
                event.setdefault("session_id", session)
            if "id" not in event:
                event["id"] = "import-" + sha256(str(number).encode() + b":" + text).hexdigest()[:32]
            yield Line(number, event, len(text) + 64)


def batches(lines: Iterator[Line]) -> Iterator[list[Line]]:
    """Groups that one request may carry."""
    batch: list[Line] = []
    size = 0
    for line in lines:
        if batch and (len(batch) == BATCH_EVENTS or size + line.size > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(line)
        size += line.size
    if batch:
        yield batch
