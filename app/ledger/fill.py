"""Filling a collection from PostgreSQL and comparing the two, user by user. Used by rebuilds while the service runs."""

import time
from dataclasses import dataclass
from uuid import UUID

import numpy as np

from app.domain.memory import MemoryStatus
from app.domain.scope import UserScope
from app.index.protocol import MemoryIndex
from app.ledger.indexing import BATCH, PAUSE, to_point
from app.storage import points, vectors
from app.storage.collections import Collection
from app.storage.db import Database
from app.storage.points import NIL

SAMPLE = 32  # vectors of a user that are compared with PostgreSQL's
SAME_COSINE = 0.999  # float16 keeps 11 bits: the cosine to the float32 it came from is above 0.9999


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a collection and PostgreSQL disagree about one user."""

    missing: tuple[UUID, ...]  # no point, or one of another version
    phantom: tuple[UUID, ...]  # a point without a row
    wrong_vectors: tuple[UUID, ...]  # of the sample

    @property
    def size(self) -> int:
        return len(self.missing) + len(self.phantom) + len(self.wrong_vectors)


def fill_user(database: Database, index: MemoryIndex, collection: Collection, scope: UserScope) -> int:
    """Write all points of a user that have vectors of the collection's model; returns how many."""
    written = 0
    for kind in ("event", "memory"):
        after = NIL
        while True:
            with database.transaction(scope) as conn:
                rows = points.page(conn, scope, collection.model, kind, after=after, limit=BATCH)
            if not rows:
                break
            kept = [to_point(row) for row in rows if row.status != MemoryStatus.ERASED]
            if kept:
                index.upsert(collection.name, scope, kept)
            written += len(kept)
            after = rows[-1].id
            time.sleep(PAUSE)
    return written


def compare_user(database: Database, index: MemoryIndex, collection: Collection, scope: UserScope) -> Difference:
    """What differs between this user's rows and points: ids and versions of all, vectors of a sample."""
    held = {key.id: key.version for key in index.scroll(collection.name, scope)}
    with database.transaction(scope) as conn:
        wanted = dict(points.versions(conn, scope))
        phantom = points.gone(conn, scope, [point for point in held if point not in wanted])
        sample = sorted(wanted)[:: max(1, len(wanted) // SAMPLE)][:SAMPLE]
        truth = vectors.dense_of(conn, scope, collection.model, sample)
    stored = index.vectors(collection.name, scope, sorted(truth))
    wrong = [
        target
        for target, vector in truth.items()
        if target in held and (target not in stored or not _same(vector, stored[target]))
    ]
    missing = tuple(row for row, version in wanted.items() if held.get(row) != version)
    return Difference(missing, tuple(phantom), tuple(wrong))


def repair_collection(
    database: Database, index: MemoryIndex, collection: Collection, scope: UserScope, found: Difference
) -> None:
    """Write what is missing or wrong, delete what is a phantom."""
    if found.phantom:
        index.delete(collection.name, scope, found.phantom)
    wanted = set(found.missing) | set(found.wrong_vectors)
    if wanted:
        fill_user(database, index, collection, scope)


def _same(left: np.ndarray, right: np.ndarray) -> bool:
    norms = float(np.linalg.norm(left) * np.linalg.norm(right))
    return norms > 0 and float(left @ right) / norms >= SAME_COSINE
