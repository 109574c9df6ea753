"""What follows an answer, off the read path: which memories were served and what was said, noted in batches; and what
recalls keep of a user, forgotten in time. One thread per gateway, started by `main`, fed by `recall` and
`session_context`.

A crash loses the notes of the last moment: a few uses count less, and a sentence that was served in it may be taken for
news once. Nothing that was accepted is among them.
"""

import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from app.context import ProcessContext
from app.domain.scope import UserScope
from app.domain.served import LineHashes
from app.domain.strength import RETURNED
from app.domain.work import WorkKind
from app.services import lifecycle, served
from app.storage.failures import ANY_FAILURE

GATHER_SECONDS = 0.2  # how long notes are gathered into one transaction per user
IDLE_SECONDS = 30.0  # between two looks at what is kept while nobody asks
NOTED_AGAIN = timedelta(hours=1)  # most recalls serve much the same: it is not written again so soon
MOST_NOTED = 100_000
MOST_WAITING = 10_000  # answers; more are not noted while the database does not answer


@dataclass(frozen=True, slots=True)
class Served:
    """One answer: the memories in it that count as used, and how to find the sentences that it said."""

    scope: UserScope
    at: datetime
    used: Sequence[UUID]
    hashes: Callable[[LineHashes], Collection[int]]


def no_hashes(_lines: LineHashes) -> Collection[int]:
    """What a repeat says was noted with the first answer."""
    return ()


class AfterAnswers:
    """A queue and its thread. `note` never waits and never fails."""

    def __init__(self, context: ProcessContext, *, gather: float = GATHER_SECONDS, idle: float = IDLE_SECONDS) -> None:
        self._context = context
        self._gather, self._idle = gather, idle
        self._waiting: list[Served] = []
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._writing = threading.Lock()
        self._in_hand: set[UserScope] = set()
        self._lines = LineHashes()
        self._noted: set[tuple[UserScope, int]] = set()  # by this gateway, since `_noted_since`
        self._noted_since = context.clock()
        self._thread = threading.Thread(target=self._run, name="after-answers", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def note(self, answer: Served) -> None:
        """Remember to write this down."""
        with self._changed:
            if len(self._waiting) < MOST_WAITING:
                self._waiting.append(answer)
                self._changed.notify()

    def flush(self, of: Collection[UserScope] | None = None) -> None:
        """Write down what waits, of these users or of all; returns when it is written, or could not be."""
        with self._changed:
            open_ = {answer.scope for answer in self._waiting} | self._in_hand
            if not open_ or (of is not None and open_.isdisjoint(of)):
                return
        with self._writing:
            with self._changed:
                taken = [answer for answer in self._waiting if of is None or answer.scope in of]
                self._waiting = [answer for answer in self._waiting if of is not None and answer.scope not in of]
                self._in_hand = {answer.scope for answer in taken}
            for scope, answers in _by_user(taken).items():
                try:
                    self._write(scope, answers)
                except ANY_FAILURE as error:
                    self._context.logger.warning("served_not_noted", error=type(error).__name__, answers=len(answers))
            with self._changed:
                self._in_hand = set()

    def stop(self) -> None:
        """Write what waits and end the thread."""
        self._stopping.set()
        with self._changed:
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join()
        self.flush()

    def _run(self) -> None:
        while not self._stopping.is_set():
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._stopping.is_set(), self._idle)
            self._context.memo.sweep()
            self._stopping.wait(self._gather)
            self.flush()

    def _write(self, scope: UserScope, answers: Sequence[Served]) -> None:
        used = Counter(memory for answer in answers for memory in answer.used)
        first, last = min(answer.at for answer in answers), max(answer.at for answer in answers)
        if last - self._noted_since > NOTED_AGAIN or len(self._noted) > MOST_NOTED:
            self._noted, self._noted_since = set(), last
        said = {number for answer in answers for number in answer.hashes(self._lines)}
        hashes = sorted(number for number in said if (scope, number) not in self._noted)
        if not hashes and not used:
            return
        uses = {memory: RETURNED * times for memory, times in used.items()}
        with self._context.db.transaction(scope) as conn:
            wanted_back = lifecycle.note_uses(conn, scope, uses, last)
            served.note(conn, scope, hashes, first)
        self._noted |= {(scope, number) for number in hashes}
        if wanted_back:
            with self._context.db.transaction(scope) as conn:  # of its own: it waits for the user's lock
                lifecycle.come_back(conn, scope, wanted_back, last)
            self._context.hints.send(WorkKind.INDEX)


def _by_user(answers: Iterable[Served]) -> dict[UserScope, list[Served]]:
    found: dict[UserScope, list[Served]] = defaultdict(list)
    for answer in answers:
        found[answer.scope].append(answer)
    return found
