"""What recalls have read of a user, kept for the next recall while nothing of that user has changed. Used by recall.

Each recall first reads the version of the user's data, which every change of it replaces; what was read under another
version is not used again, but for turns whose rows are found to be the same still. It is forgotten after five minutes,
so that nothing erased stays in memory for longer. Losing it costs time only.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from app.domain.blocks import ShownBlock
from app.domain.scope import UserScope
from app.domain.units import Link, Unit
from app.services.recall_pending import PendingTurns
from app.storage.recall import AboutUser, SeenTurn

MOST_UNITS = 50_000  # about 1.5 KB each, over all users
MOST_ANSWERED = 1_000  # questions of a user
SECONDS = 300.0
SWEEP_SECONDS = 30.0


@dataclass(slots=True)
class Reads:
    """What was read of one user at one version, the present as the user's app sees it. None stands for what is not
    there (any more); turns and memories stand by the number of their id. `carried` are turns read at an earlier
    version, to be looked at again.
    """

    version: Hashable = None
    since: float = 0.0
    about: AboutUser | None = None
    pending: dict[int, PendingTurns] = field(default_factory=dict)
    turns: dict[int, SeenTurn | None] = field(default_factory=dict)
    memories: dict[int, Unit | None] = field(default_factory=dict)
    outdated: Mapping[UUID, frozenset[UUID]] | None = None
    neighbours: dict[UUID, list[Unit]] = field(default_factory=dict)
    links: dict[int, list[Link]] = field(default_factory=dict)  # that start at a memory
    tails: dict[tuple[str, int], list[Unit]] = field(default_factory=dict)
    blocks: dict[tuple[str, bool], list[ShownBlock]] = field(default_factory=dict)
    histories: dict[int, list[Unit]] = field(default_factory=dict)
    plans: dict[tuple[date, date], list[Unit]] = field(default_factory=dict)
    carried: Mapping[int, SeenTurn] = field(default_factory=dict)

    answered: set[int] = field(default_factory=set)  # hashes of questions whose answers are in the cache, probably
    counted: int = 0  # what the memo took its size to be last

    @property
    def size(self) -> int:
        """How many units are kept, about."""
        histories = sum(map(len, self.histories.values()))
        read = len(self.turns) + len(self.memories) + len(self.carried) + len(self.links)
        return 1 + read + 2 * len(self.neighbours) + histories

    def note_answered(self, text: str) -> None:
        """An answer to this question was put into the cache."""
        if len(self.answered) < MOST_ANSWERED:
            self.answered.add(hash(text))

    def has_answered(self, text: str) -> bool:
        """Whether the same question probably finds its answer in the cache."""
        return hash(text) in self.answered

    def over_at(self, now: datetime) -> bool:
        """Whether a memory has expired since."""
        expiry = self.about.next_expiry if self.about else None
        return expiry is not None and expiry <= now


class RecallMemo:
    """The reads of the users who were asked about last. Safe to share between threads: what two of them read at once is
    the same.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic, most: int = MOST_UNITS) -> None:
        self._monotonic = monotonic
        self._most = most
        self._lock = threading.Lock()
        self._users: OrderedDict[UserScope, Reads] = OrderedDict()
        self._swept_at = monotonic()
        self._held = 0

    def reads(self, scope: UserScope, version: Hashable, now: datetime) -> Reads:
        """What is known of this user at this version; empty at first. It may be added to as long as the version that
        was read before is this one: what is read later is as new or newer.
        """
        with self._lock:
            at = self._monotonic()
            if at - self._swept_at > SWEEP_SECONDS:
                self._forget_old(at)
            found = self._users.get(scope)
            if found is not None and at - found.since > SECONDS:
                self._drop(scope)
                found = None
            if found is None or found.version != version or found.over_at(now):
                self._drop(scope)
                carried = {} if found is None else {**found.carried, **dict(_there(found.turns))}
                since = at if found is None else found.since  # so that nothing is carried on for ever
                found = self._users[scope] = Reads(version, since, carried=carried)
            self._users.move_to_end(scope)
            self._count(found)
            while self._held > self._most and len(self._users) > 1:
                self._drop(next(iter(self._users)))
            return found

    def last(self, scope: UserScope) -> Reads | None:
        """What was read of this user last, whatever has changed since: good for a guess."""
        with self._lock:
            return self._users.get(scope)

    def forget(self, scope: UserScope) -> None:
        """Forget what was read of this user: something of it was erased."""
        with self._lock:
            self._drop(scope)

    def sweep(self) -> None:
        """Forget what is too old; called now and then also while nobody asks."""
        with self._lock:
            self._forget_old(self._monotonic())

    def __len__(self) -> int:
        """How many users are remembered."""
        return len(self._users)

    def _forget_old(self, at: float) -> None:
        self._swept_at = at
        for scope in [scope for scope, reads in self._users.items() if at - reads.since > SECONDS]:
            self._drop(scope)

    def _count(self, reads: Reads) -> None:
        self._held += reads.size - reads.counted
        reads.counted = reads.size

    def _drop(self, scope: UserScope) -> None:
        gone = self._users.pop(scope, None)
        if gone is not None:
            self._held -= gone.counted


def _there(turns: Mapping[int, SeenTurn | None]) -> Iterable[tuple[int, SeenTurn]]:
    return [(id_, turn) for id_, turn in turns.items() if turn is not None]
