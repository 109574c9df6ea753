"""Which collection of the index is live. Every search and write names one; this knows it without asking each time."""

import threading
import time
from dataclasses import dataclass

from app.errors import MnemeError
from app.index.protocol import MemoryIndex
from app.inference.protocol import Encoder
from app.storage import collections
from app.storage.collections import Collection, CollectionState
from app.storage.db import Database

TTL_SECONDS = 1.0  # how long after a swap a process may still ask the old collection, which is kept for minutes


class OtherModelError(MnemeError):
    """The stored vectors were made by another encoder than the one that is configured."""

    code = "other_model"


@dataclass(frozen=True, slots=True)
class Targets:
    """Where to read and where to write: the live collection, and those that a rebuild is filling."""

    live: Collection
    building: tuple[Collection, ...]

    @property
    def writable(self) -> tuple[Collection, ...]:
        return (self.live, *self.building)


class LiveCollection:
    """The live collection's name, read again when older than a second or after `forget`. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._targets: Targets | None = None
        self._read_at = 0.0

    def name(self) -> str:
        """The collection to search."""
        return self.targets().live.name

    def targets(self) -> Targets:
        """The live and the building collections."""
        with self._lock:
            now = time.monotonic()
            if self._targets is None or now - self._read_at > TTL_SECONDS:
                self._targets = read_targets(self._database)
                self._read_at = now
            return self._targets

    def forget(self) -> None:
        """Read again at the next call: a collection was not found."""
        with self._lock:
            self._targets = None


def read_targets(database: Database) -> Targets:
    """The collections as the rows say now; raises MnemeError when none is live."""
    with database.transaction(None) as conn:
        known = collections.all_collections(conn)
    live = [c for c in known if c.state is CollectionState.LIVE]
    if not live:
        raise MnemeError("no collection of the index is live; start the service once to create it")
    return Targets(live[0], tuple(c for c in known if c.state is CollectionState.BUILDING))


def collection_name(fingerprint: str, generation: int) -> str:
    """`mneme_<encoder>_<generation>`: the model and its dimension are part of the name."""
    return f"mneme_{fingerprint}_{generation}"


def next_name(known: list[Collection], fingerprint: str) -> str:
    """A name that no collection has had since the last clean-up."""
    generations = [int(c.name.rpartition("_")[2]) for c in known if c.name.rpartition("_")[2].isdigit()]
    return collection_name(fingerprint, max(generations, default=0) + 1)


def check_model(database: Database, encoder: Encoder) -> None:
    """Refuse to work with another model than that of the live collection, and say what to run."""
    with database.transaction(None) as conn:
        known = collections.all_collections(conn)
    for collection in known:
        if collection.state is CollectionState.LIVE and collection.model != encoder.fingerprint:
            raise OtherModelError(
                f"the memories were embedded by {collection.model}, but the configured encoder is"
                f" {encoder.fingerprint}: set EMBEDDING_MODEL back, or stop the service and run"
                " `mneme reindex --embed` to embed everything again"
            )


def ensure_live(database: Database, index: MemoryIndex, encoder: Encoder) -> Collection:
    """The live collection, made on the first start; also made again, empty, when its files are gone.

    Raises OtherModelError when the stored vectors belong to another encoder.
    """
    check_model(database, encoder)
    with database.transaction(None) as conn:
        known = collections.all_collections(conn)
        if not any(c.state is CollectionState.LIVE for c in known):
            collections.add_live(conn, next_name(known, encoder.fingerprint), encoder.fingerprint, encoder.dimension)
    targets = read_targets(database)
    for collection in targets.writable:
        index.ensure(collection.name, collection.dimension)
    return targets.live
