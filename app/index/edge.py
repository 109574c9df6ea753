"""The index port in this process, on Qdrant Edge: a collection is a directory under one root.

The engine never releases the interpreter: while it works no other Python thread runs. Measured with qdrant-edge 0.9 on
two cores: 202 ms for an update of 5,000 points, 1.5-2.5 ms for one of 64, 1-3 ms for a search of three signals over
50,000 points of 100 users, 10 ms for a flush of 640 points. So writes go in batches of 64, deletes and pages in 1,000,
what takes long (`maintain`) runs in a process of its own, and calls need no lock beside that of opening and closing.
"""

import fcntl
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import numpy as np
import numpy.typing as npt
import orjson
import qdrant_edge as qe

from app.domain.fusion import Evidence
from app.domain.scope import UserScope
from app.index import compact, edge_engine, points
from app.index.edge_engine import EngineErrors
from app.index.hits import by_id, union
from app.index.protocol import (
    CollectionNotFoundError,
    IndexPoint,
    IndexQuery,
    IndexUnavailableError,
    PointKey,
)

WRITE_BATCH = 64  # points; keeps the interpreter for about 2 ms
PAGE = 1_000  # points; reading or deleting one keeps it for 2-9 ms
# Points. A flush keeps the interpreter while it syncs: with 250 no answer waited more than 0.12 s, with 1,000 0.21 s
# (bench/responsiveness.py). At most so much log is left to replay at the next start (50,000 points take 2.4 s).
FLUSH_EVERY = 250
COMPACT_SECONDS = 600.0  # a compaction that takes longer is given up; about 1 s for 50,000 points
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")  # a directory's name; one that begins with a dot is ours


@dataclass(slots=True)
class _Open:
    """A collection in use."""

    shard: qe.EdgeShard
    dimension: int
    unflushed: int = 0
    changed: bool = True  # since the last compaction; unknown after a start


class EdgeIndex:
    """Collections under `root`, which one process may use at a time; the lock on it dies with its holder."""

    def __init__(self, root: Path, *, wait: float = 10.0) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self._root = root
        self._lock = threading.RLock()  # opening, closing, renaming
        self._open: dict[str, _Open] = {}
        self._resting: set[str] = set()  # with the compaction process
        self._closed = False
        self._guard = _exclusive(root / ".lock", wait)
        for left in [*root.glob(".new-*"), *root.glob(".old-*")]:  # a creation or removal that was interrupted
            shutil.rmtree(left)

    def ensure(self, collection: str, dimension: int) -> None:
        """Create the collection if it is not there, or anew and empty if it is of an older layout; it appears under its
        name when complete.
        """
        with self._lock, EngineErrors():
            if self._path(collection).exists() and not _current(self._path(collection)):
                self.drop(collection)
            if self._path(collection).exists():
                found = self._handle(collection).dimension
                if found != dimension:
                    raise ValueError(f"collection {collection} has vectors of {found} numbers, not {dimension}")
                return
            staged = self._root / f".new-{collection}"
            staged.mkdir()
            shard = qe.EdgeShard.create(str(staged), edge_engine.layout(dimension))
            for operation in edge_engine.payload_indexes():
                shard.update(operation)
            shard.flush()
            shard.close()
            (staged / edge_engine.LAYOUT).touch()
            staged.rename(self._path(collection))

    def drop(self, collection: str) -> None:
        """Remove the collection and its files, also one that cannot be opened."""
        with self._lock, EngineErrors():
            if collection in self._resting:
                raise IndexUnavailableError(f"collection {collection} is being compacted")
            path = self._path(collection)
            self._release(collection)
            if path.exists():
                gone = path.with_name(f".old-{collection}")
                path.rename(gone)
                shutil.rmtree(gone)

    def collections(self) -> list[str]:
        """Names of all collections."""
        return sorted(path.name for path in self._root.iterdir() if path.is_dir() and NAME.fullmatch(path.name))

    def upsert(self, collection: str, scope: UserScope, points_: Sequence[IndexPoint]) -> None:
        """Write the points; they survive the death of the process at once, a power cut after the next flush."""
        handle = self._handle(collection)
        everything = points.checked(points_, handle.dimension)
        mine = points.of_user(scope)
        with EngineErrors():
            for start in range(0, len(everything), WRITE_BATCH):
                batch = everything[start : start + WRITE_BATCH]
                handle.shard.update(edge_engine.upsert(mine, batch))
                self._written(handle, len(batch))

    def delete(self, collection: str, scope: UserScope, ids: Sequence[UUID]) -> None:
        """Remove these points of this user."""
        handle = self._handle(collection)
        with EngineErrors():
            for start in range(0, len(ids), PAGE):
                batch = ids[start : start + PAGE]
                handle.shard.update(edge_engine.delete(points.of_ids(scope, batch)))
                self._written(handle, len(batch))

    def delete_user(self, collection: str, scope: UserScope) -> None:
        """Remove all points of this user, a page at a time."""
        handle = self._handle(collection)
        with EngineErrors():
            while True:
                found, _ = handle.shard.scroll(edge_engine.page(points.of_user(scope), PAGE, None))
                if not found:
                    return
                self.delete(collection, scope, [edge_engine.identity(record.id) for record in found])

    def search(self, collection: str, query: IndexQuery) -> dict[UUID, Evidence]:
        """The union of the top `limit` of each given signal."""
        return by_id(self.search_each(collection, [query])[0])

    def search_each(self, collection: str, queries: Sequence[IndexQuery]) -> list[dict[int, Evidence]]:
        """The same for several queries at once, with candidates by the numbers of their ids."""
        handle = self._handle(collection)
        wanted = [points.signals(query) for query in queries]
        if not any(wanted):
            return [{} for _ in queries]
        with EngineErrors():
            answers = iter(handle.shard.query_batch(edge_engine.batch(zip(queries, wanted, strict=True))))
        return [
            union(
                ((signal, [(edge_engine.number(hit), hit.score) for hit in next(answers)]) for signal, _ in signals),
                query.limit,
            )
            for query, signals in zip(queries, wanted, strict=True)
        ]

    def count(self, collection: str, scope: UserScope | None = None) -> int:
        """Exact number of points."""
        handle = self._handle(collection)
        chosen = None if scope is None else edge_engine.conditions(points.of_user(scope))
        with EngineErrors():
            return int(handle.shard.count(qe.CountRequest(exact=True, filter=chosen)))

    def scroll(self, collection: str, scope: UserScope | None = None) -> Iterator[PointKey]:
        """Every point's identity, in the order of ids."""
        chosen = None if scope is None else points.of_user(scope)
        start: UUID | None = None
        while True:
            handle = self._handle(collection)
            with EngineErrors():
                found, after = handle.shard.scroll(edge_engine.page(chosen, PAGE, start))
            yield from (points.key(edge_engine.identity(record.id), record.payload or {}) for record in found)
            if after is None:
                return
            start = edge_engine.identity(after)

    def vectors(self, collection: str, scope: UserScope, ids: Sequence[UUID]) -> dict[UUID, npt.NDArray[np.float32]]:
        """The stored dense vectors, normalised to length 1 by the engine."""
        handle = self._handle(collection)
        answer: dict[UUID, npt.NDArray[np.float32]] = {}
        with EngineErrors():
            for start in range(0, len(ids), WRITE_BATCH):
                batch = points.of_ids(scope, ids[start : start + WRITE_BATCH])
                found, _ = handle.shard.scroll(edge_engine.dense_of(batch, WRITE_BATCH))
                for record in found:
                    vector = edge_engine.read_dense(record)
                    if vector is not None:
                        answer[edge_engine.identity(record.id)] = vector
        return answer

    def maintain(self, collection: str) -> None:
        """Flush, and where points were replaced or deleted let another process drop them.

        For as long as that takes the collection is unavailable here, so recall answers from PostgreSQL and stays quick.
        """
        with self._lock, EngineErrors():
            handle = self._handle(collection)
            handle.shard.flush()
            if not handle.changed:
                return
            self._release(collection)
            self._resting.add(collection)
        try:
            _compact(self._path(collection), self._guard)
        finally:
            with self._lock:
                self._resting.discard(collection)
        self._handle(collection).changed = False

    def close(self) -> None:
        """Flush and release everything; later calls raise IndexUnavailableError."""
        with self._lock, EngineErrors():
            if not self._closed:
                self._closed = True
                for collection in list(self._open):
                    self._release(collection)
                os.close(self._guard)

    def _path(self, collection: str) -> Path:
        if not NAME.fullmatch(collection):
            raise ValueError(f"not a collection's name: {collection!r}")
        return self._root / collection

    def _handle(self, collection: str) -> _Open:
        handle = self._open.get(collection)
        if handle is not None:
            return handle
        with self._lock, EngineErrors():
            if self._closed:
                raise IndexUnavailableError("the index is closed")
            if collection in self._resting:
                raise IndexUnavailableError(f"collection {collection} is being compacted")
            if collection not in self._open:
                path = self._path(collection)
                if not path.exists():
                    raise CollectionNotFoundError(f"there is no collection {collection}")
                if not _current(path):
                    raise CollectionNotFoundError(f"collection {collection} is of an older layout")
                shard = qe.EdgeShard.load(str(path))  # replays what the log has and the segments lack
                self._open[collection] = _Open(shard, _dimension(path))
            return self._open[collection]

    def _release(self, collection: str) -> None:
        handle = self._open.pop(collection, None)
        if handle is not None:
            handle.shard.flush()
            handle.shard.close()

    def _written(self, handle: _Open, number: int) -> None:
        handle.changed = True
        handle.unflushed += number
        if handle.unflushed >= FLUSH_EVERY:
            handle.unflushed = 0
            handle.shard.flush()


def _current(path: Path) -> bool:
    """Whether this code can search what lies there."""
    return (path / edge_engine.LAYOUT).exists()


def _exclusive(path: Path, wait: float) -> int:
    """A lock that the kernel frees when the last holder dies, so none is ever stale."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    until = time.monotonic() + wait
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                os.close(descriptor)
                raise IndexUnavailableError(f"another process uses the index in {path.parent}") from None
            time.sleep(0.05)
        else:
            return descriptor


def _compact(path: Path, guard: int) -> None:
    """Run the other process; it inherits the lock, so a restart of this one waits for it."""
    command = [sys.executable, "-I", compact.__file__, str(path)]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=COMPACT_SECONDS, pass_fds=(guard,))  # noqa: S603 - our own file
    except subprocess.CalledProcessError as error:
        raise IndexUnavailableError(f"compaction failed: {error.stderr.decode(errors='replace')[-500:]}") from error
    except subprocess.TimeoutExpired as error:
        raise IndexUnavailableError(f"compaction took more than {COMPACT_SECONDS:.0f} s") from error


def _dimension(path: Path) -> int:
    """The length of the collection's dense vectors, from the engine's own file."""
    config = orjson.loads((path / "edge_config.json").read_bytes())
    return int(config["vectors"][edge_engine.DENSE]["size"])
