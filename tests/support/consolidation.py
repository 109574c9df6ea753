"""One user's consolidation over a test database: store turns and candidates, run the work, look at the memories."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import numpy as np

from app.clock import new_id, utc_now
from app.context import ProcessContext
from app.domain.event import NewEvent, Role
from app.domain.work import WorkKind
from app.queue import NoHints
from app.services.collections import LiveCollection
from app.settings import Settings
from app.storage import candidates as candidate_store
from app.storage import event_stages, events, memories, segments, work
from app.storage.events import EventInsert
from app.storage.memories import MemoryQuery
from app.storage.segments import Segment
from app.telemetry.logs import configure_logs
from app.telemetry.metrics import Metrics
from tests.support.candidates import START, stored
from workers.consolidate.stage import run


class FourDimensions:
    """An encoder whose vectors mean nothing: consolidation never looks at them."""

    fingerprint = "test"
    dimension = 4

    def encode(self, texts):
        return np.ones((len(texts), 4), dtype=np.float32) / 2

    def encode_query(self, text):
        return self.encode([text])[0]

    def encode_queries(self, texts):
        return self.encode(texts)

    def close(self):
        """Nothing is held."""


def context_over(database) -> ProcessContext:
    """A process context without an index."""
    return ProcessContext(
        settings=Settings(),
        db=database,
        encoder=FourDimensions(),
        index=None,
        collections=LiveCollection(database),
        clock=utc_now,
        new_id=new_id,
        hints=NoHints(),
        logger=configure_logs("error", "test"),
        metrics=Metrics(),
    )


def speak(database, user, texts, *, day=0, session="s1") -> list[UUID]:
    """Store turns of the user; returns their ids."""
    rows = [
        EventInsert(
            new_id(),
            NewEvent(user.user_id, session, Role.USER, text, START + timedelta(days=day, seconds=i)),
            uuid4().bytes,
        )
        for i, text in enumerate(texts)
    ]
    with database.transaction(user.project) as conn:
        return [result.id for result in events.insert_events(conn, user.project, rows)]


def propose(database, user, found, *, extractor="test-1", session="s1") -> None:
    """Store candidates as the extract stage does, and note the work; nothing of a session that was erased meanwhile,
    which in the stage is the fence of its work.
    """
    event_ids = list(dict.fromkeys(event for c in found for event in c.event_ids))
    at = min(c.occurred_at for c in found)
    with database.transaction(user) as conn:
        held = "SELECT 1 FROM sessions WHERE project_id = %s AND user_id = %s AND session_id = %s FOR UPDATE"
        if conn.execute(held, (user.project_id, user.user_id, session)).fetchone() is None:
            return
        segment = Segment(new_id(), session, tuple(event_ids), extractor, "t", (), (), at, at)
        segment_id = segments.insert(conn, user, segment)
        rows = [replace(stored(c, i), id=new_id(), segment_id=segment_id) for i, c in enumerate(found)]
        candidate_store.insert(conn, user, session, rows)
        event_stages.mark_extracted(
            conn,
            user,
            [event_stages.Extracted(i, segment_id, has_candidates=True, skip_reason=None) for i in event_ids],
        )
        work.enqueue(conn, user, WorkKind.CONSOLIDATE)


def consolidate(context, user) -> int:
    """Run the user's work until none is left; returns how many units ran."""
    for count in range(50):
        item = claim(context, user)
        if item is None:
            return count
        run(context, item)
    raise AssertionError("consolidation never ends")


def claim(context, user):
    """The user's unit of work, leased."""
    with context.db.transaction(None) as conn:
        items = work.claim(conn, [WorkKind.CONSOLIDATE], 100, 60)
    mine = [item for item in items if item.project_id == user.project_id]
    assert len(mine) <= 1
    return mine[0] if mine else None


def listed(database, user, **query):
    with database.transaction(user) as conn:
        return memories.page(conn, user, MemoryQuery(limit=1000, **query))


def active(database, user) -> set[str]:
    return {m.text for m in listed(database, user) if m.status == "active"}
