"""Writers that send events for as long as they are told, and the ledger in which each writes down every 2xx it saw."""

import hashlib
import json
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx

from tests.support.instance import Instance

USERS = ["ana", "ben", "chloe"]
EVENTS_PER_SESSION = 4  # short sessions: a lost hand-over is not hidden by the next event of the same session
PETS = ["dog", "cat", "parrot"]
NAMES = ["Rex", "Luna", "Milo", "Nala"]
CITIES = ["Porto", "Vienna", "Oslo", "Kyoto", "Lima"]
COLOURS = ["green", "blue", "red"]


@dataclass(frozen=True)
class Acknowledged:
    """One event of a 2xx answer."""

    user_id: str
    session_id: str
    client_id: str
    event_id: str
    sha256: str
    sent_at: float  # by this machine's monotonic clock
    noted_at: float


class ClientLedger:
    """An append-only file: one line for each acknowledged event, written before the writer goes on."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()
        self._lock = threading.Lock()

    def note(self, entry: Acknowledged) -> None:
        with self._lock, self.path.open("a") as file:
            file.write(json.dumps(asdict(entry)) + "\n")

    def read(self) -> list[Acknowledged]:
        """What is noted; a line that is being written is left for the next look."""
        whole = self.path.read_text().rpartition("\n")[0]
        return [Acknowledged(**json.loads(line)) for line in whole.splitlines()]


def digest(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


def statement(rng: random.Random) -> str:
    """Something a user says: often said before (equal texts), sometimes a change of mind (same key, other value)."""
    return rng.choice(
        [
            f"I have a {rng.choice(PETS)} called {rng.choice(NAMES)}.",
            f"My favourite colour is {rng.choice(COLOURS)}.",
            f"I live in {rng.choice(CITIES)}.",
            f"I went to {rng.choice(CITIES)} last week and it cost {rng.randint(100, 999)} euros.",
            f"I bought lamp number {rng.randint(1, 10_000)} yesterday.",
        ]
    )


class Writer(threading.Thread):
    """Sends small batches under ids of its own. A batch without an answer is sent again or given up, both at random."""

    def __init__(self, number: int, instance: Instance, ledger: ClientLedger, stop: threading.Event) -> None:
        super().__init__(daemon=True, name=f"writer-{number}")
        self.number = number
        self.errors: list[str] = []
        self._instance = instance
        self._ledger = ledger
        self._halt = stop
        self._rng = random.Random(number)
        self._sent = 0

    def run(self) -> None:
        with httpx.Client(base_url=self._instance.url, timeout=5) as client:
            client.headers["Authorization"] = f"Bearer {self._instance.key}"
            while not self._halt.is_set():
                batch = self._batch()
                while not self._halt.is_set() and not self._send(client, batch):
                    time.sleep(0.1)
                    if self._rng.random() < 0.3:
                        break
                self._halt.wait(self._rng.uniform(0.05, 0.25))

    def _batch(self) -> list[dict[str, str]]:
        user = self._rng.choice(USERS)
        batch = []
        for _ in range(self._rng.randint(1, 3)):
            session = f"w{self.number}-{self._sent // EVENTS_PER_SESSION}"
            client_id = f"w{self.number}:{self._sent}"
            batch.append({
                "id": client_id, "user_id": user, "session_id": session, "role": "user",
                "content": statement(self._rng),
            })  # fmt: skip
            self._sent += 1
        return batch

    def _send(self, client: httpx.Client, batch: list[dict[str, str]]) -> bool:
        sent_at = time.monotonic()
        try:
            answer = client.post("/v1/events", json={"events": batch})
        except httpx.HTTPError:
            return False
        if answer.status_code >= 500:
            return False
        if not answer.is_success:
            self.errors.append(f"{answer.status_code} {answer.text}")
            return True
        for event, item in zip(batch, answer.json()["items"], strict=True):
            names = (event["user_id"], event["session_id"], event["id"], item["id"])
            self._ledger.note(Acknowledged(*names, digest(event["content"]), sent_at, time.monotonic()))
        return True


@contextmanager
def writing(instance: Instance, ledger: ClientLedger, writers: int = 4) -> Iterator[None]:
    """Writers at work for the time of the block; a refusal of any of them is an error."""
    halt = threading.Event()
    threads = [Writer(n, instance, ledger, halt) for n in range(writers)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        halt.set()
        for thread in threads:
            thread.join(15)
    refused = [error for thread in threads for error in thread.errors]
    assert not refused, refused[:3]
