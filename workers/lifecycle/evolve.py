"""The evolve stage: brings the notes of a user's memories up to date, woken by tidying.

A memory that joins changes the tags and the context of those that it is linked to; what they state stays. Whatever
changes is embedded anew, outside of any transaction, and indexed.
"""

from app.context import ProcessContext
from app.domain.lexical import TEXT_LENGTH, document_vector
from app.domain.notes import changed, memory_text, notes_of
from app.domain.work import WorkItem, WorkKind
from app.ledger.lease import Lease
from app.services.policy import effective
from app.storage import notes, tombstones, vectors, work
from app.storage.vectors import StoredVector

BATCH = 128  # memories of one run: about half a second of encoding
MOST_MEMORIES = 3_000  # of a user: the newest, as in tidying


def run(context: ProcessContext, item: WorkItem, lease: Lease) -> None:
    """Write the notes that differ from what they should be; the unit comes back while more do."""
    with context.db.transaction(item.user) as conn:
        since = tombstones.now(conn)
        policy = effective(conn, item.user).notes
        memories, links = notes.active(conn, item.user, limit=MOST_MEMORIES)
    wanted = changed(memories, notes_of(memories, links, policy))
    batch = wanted[:BATCH]
    texts = [memory_text(memory.text, note) for memory, note in batch]
    dense = list(context.encoder.encode(texts)) if texts else []
    lease.check()
    with context.db.transaction(item.user) as conn:
        written = notes.write(conn, item.user, batch)
        tombstones.check(conn, item.user, since)
        rows = [
            StoredVector(memory.id, "memory", vector, document_vector(text, TEXT_LENGTH))
            for (memory, _), text, vector in zip(batch, texts, dense, strict=True)
            if memory.id in written
        ]
        vectors.upsert(conn, item.user, context.encoder.fingerprint, rows)
        if len(wanted) > len(written):
            work.enqueue(conn, item.user, WorkKind.EVOLVE)
        work.complete(conn, item)
        if written:
            work.enqueue(conn, item.user, WorkKind.INDEX)
    if written:
        context.hints.send(WorkKind.INDEX)
