"""Everything embedded again by another encoder, with the service stopped: `mneme reindex --embed`.

Resumable: what has a vector of the new model keeps it. The old collection stays live until the new one is complete.
"""

from collections.abc import Callable
from dataclasses import dataclass

from app.context import ProcessContext
from app.domain.keytext import key_text, plain_text
from app.domain.lexical import TEXT_LENGTH, document_vector
from app.domain.scope import UserScope
from app.domain.sparse import SparseVector
from app.errors import MnemeError
from app.index.protocol import MemoryIndex
from app.ledger.fill import compare_user, fill_user
from app.services.collections import next_name, read_targets
from app.storage import collections, points, scopes, unembedded, vectors
from app.storage.collections import Collection, CollectionState
from app.storage.unembedded import Unembedded
from app.storage.vectors import StoredVector

BATCH = 128  # texts; about half a second of encoding
USERS = 200

Report = Callable[[int, int], None]  # points done, points in all


@dataclass(frozen=True, slots=True)
class Counts:
    """What was done."""

    embedded: int
    points: int


def reembed(context: ProcessContext, report: Report) -> Counts:
    """Bring all stored vectors and the index to the context's encoder. Nothing else may use the index meanwhile."""
    if context.index is None:
        raise TypeError("this process has no index")
    everybody = _everybody(context)
    total = sum(_count(context, user) for user in everybody)
    building = _building(context)
    context.index.ensure(building.name, building.dimension)
    embedded = done = 0
    for user in everybody:
        embedded += _embed_user(context, user)
        done += fill_user(context.db, context.index, building, user)
        _verify(context, context.index, building, user)
        report(done, total)
    _swap(context, context.index, building, everybody)
    return Counts(embedded, done)


def _everybody(context: ProcessContext) -> list[UserScope]:
    found: list[UserScope] = []
    with context.db.transaction(None) as conn:
        while page := scopes.users(conn, found[-1] if found else None, USERS):
            found += page
    return found


def _count(context: ProcessContext, user: UserScope) -> int:
    with context.db.transaction(user) as conn:
        return points.count(conn, user)


def _building(context: ProcessContext) -> Collection:
    """The collection of the new model that an interrupted run began, or a new one."""
    model, dimension = context.encoder.fingerprint, context.encoder.dimension
    with context.db.transaction(None) as conn:
        known = collections.all_collections(conn)
        begun = [c for c in known if c.model == model and c.state is CollectionState.BUILDING]
        if begun:
            return begun[0]
        name = next_name(known, model)
        collections.add_building(conn, name, model, dimension)
    return Collection(name, model, dimension, CollectionState.BUILDING)


def _embed_user(context: ProcessContext, user: UserScope) -> int:
    """Embed what has no vector of the new model; windows do not depend on the model and are copied."""
    model = context.encoder.fingerprint
    embedded = 0
    while True:
        with context.db.transaction(user) as conn:
            rows = unembedded.page(conn, user, model, BATCH)
        if not rows:
            return embedded
        dense = context.encoder.encode([key_text(row.event) if row.event else row.memory_text for row in rows])
        made = [StoredVector(row.id, row.kind, dense[n], _words(row), row.window) for n, row in enumerate(rows)]
        with context.db.transaction(user) as conn:
            vectors.upsert(conn, user, model, made)
        embedded += len(made)


def _words(row: Unembedded) -> SparseVector:
    """The words do not depend on the model, so they are copied where another model's row has them."""
    plain = plain_text(row.event) if row.event else row.memory_text
    return row.text if row.text is not None else document_vector(plain, TEXT_LENGTH)


def _verify(context: ProcessContext, index: MemoryIndex, building: Collection, user: UserScope) -> None:
    found = compare_user(context.db, index, building, user)
    if found.size:
        raise MnemeError(f"{building.name} differs from PostgreSQL in {found.size} points; run the command again")


def _swap(context: ProcessContext, index: MemoryIndex, building: Collection, everybody: list[UserScope]) -> None:
    """Make the new collection live, then drop the old one and the vectors of other models."""
    old = read_targets(context.db).live
    with context.db.transaction(None) as conn:
        collections.swap_live(conn, building.name)
    context.collections.forget()
    index.drop(old.name)
    with context.db.transaction(None) as conn:
        collections.forget(conn, old.name)
    for user in everybody:
        with context.db.transaction(user) as conn:
            vectors.delete_models_except(conn, user, [building.model])
