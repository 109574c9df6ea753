"""Erasures that race with the writers, and what must be true of them afterwards: what was erased stays erased, what was
not is all there.
"""

import random
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from tests.crash import oracle
from tests.crash.writers import Acknowledged, ClientLedger
from tests.support.instance import Instance

GIVEN_UP = 10.0  # seconds after which a request without an answer has done what it would do
LEFT_OF_EVENTS = """
SELECT 'event' AS what, id::text FROM events WHERE id = ANY (%(ids)s)
UNION ALL SELECT 'vector', target_id::text FROM vectors WHERE target_id = ANY (%(ids)s)
UNION ALL SELECT 'source', event_id::text FROM memory_sources WHERE event_id = ANY (%(ids)s)
UNION ALL SELECT 'candidate', id::text FROM candidates WHERE (body -> 'event_ids') ?| %(names)s
UNION ALL SELECT 'segment', id::text FROM segments WHERE event_ids && %(ids)s
"""
OPEN = "SELECT id, state FROM erasures WHERE state <> 'done'"


@dataclass
class Attempt:
    """One request to erase: of a user, a session or an event; `ended` is when it was acknowledged."""

    user_id: str
    session_id: str | None = None
    event_id: str | None = None
    began: float = field(default_factory=time.monotonic)
    ended: float | None = None

    def covers(self, entry: Acknowledged) -> bool:
        if entry.user_id != self.user_id:
            return False
        if self.event_id is not None:
            return entry.event_id == self.event_id
        return self.session_id is None or entry.session_id == self.session_id


class Eraser(threading.Thread):
    """Erases something that was acknowledged, again and again: mostly an event, at times a session or a user."""

    def __init__(self, instance: Instance, ledger: ClientLedger, stop: threading.Event, seed: int) -> None:
        super().__init__(daemon=True, name="eraser")
        self.attempts: list[Attempt] = []
        self.errors: list[str] = []
        self._instance, self._ledger, self._halt, self._rng = instance, ledger, stop, random.Random(seed)

    def run(self) -> None:
        with httpx.Client(base_url=self._instance.url, timeout=5) as client:
            client.headers["Authorization"] = f"Bearer {self._instance.key}"
            while not self._halt.wait(self._rng.uniform(0.3, 0.9)):
                known = self._ledger.read()
                if known:
                    self._erase(client, self._rng.choice(known))

    def _erase(self, client: httpx.Client, entry: Acknowledged) -> None:
        kind = self._rng.choices(["event", "session", "user"], [12, 4, 1])[0]
        attempt = Attempt(entry.user_id)
        if kind == "event":
            attempt.event_id, path = entry.event_id, f"/v1/events/{entry.event_id}"
        elif kind == "session":
            attempt.session_id, path = entry.session_id, f"/v1/sessions/{entry.session_id}?user_id={entry.user_id}"
        else:
            path = f"/v1/users/{entry.user_id}"
        self.attempts.append(attempt)
        try:
            answer = client.delete(path)
        except httpx.HTTPError:
            return
        if answer.status_code in {202, 204, 404}:
            attempt.ended = time.monotonic()
        elif answer.status_code < 500:
            self.errors.append(f"{answer.status_code} {answer.text}")


@contextmanager
def erasing(instance: Instance, ledger: ClientLedger, seed: int) -> Iterator[Eraser]:
    """An eraser at work for the time of the block; a refusal is an error."""
    halt = threading.Event()
    eraser = Eraser(instance, ledger, halt, seed)
    eraser.start()
    try:
        yield eraser
    finally:
        halt.set()
        eraser.join(15)
    assert not eraser.errors, eraser.errors[:3]


def surely_kept(acknowledged: Sequence[Acknowledged], attempts: Sequence[Attempt]) -> list[Acknowledged]:
    """What no erasure can have met: it was sent after every one of them that names it had ended."""
    return [
        entry
        for entry in acknowledged
        if not any(a.covers(entry) and (a.ended or a.began + GIVEN_UP) > entry.sent_at for a in attempts)
    ]


def stay_erased(url: str, acknowledged: Sequence[Acknowledged], attempts: Sequence[Attempt]) -> list[str]:
    """Nothing is left of an event that was acknowledged before an erasure of it began which was acknowledged too; and
    every erasure is complete.
    """
    gone = [
        entry
        for entry in acknowledged
        if any(a.covers(entry) and a.ended is not None and a.began > entry.noted_at for a in attempts)
    ]
    ids = [entry.event_id for entry in gone]
    with oracle.connect(url) as connection:
        left = connection.execute(LEFT_OF_EVENTS.replace("%(ids)s", "%(ids)s::uuid[]"), {"ids": ids, "names": ids})
        found = [f"{row['what']} {row['id']} is left of what was erased" for row in left.fetchall()]
        found += [f"erasure {row['id']} is {row['state']}" for row in connection.execute(OPEN).fetchall()]
    return found
