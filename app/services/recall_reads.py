"""The reads of one recall: what is remembered of the user first, then PostgreSQL, in a transaction that opens when the
first thing is missing. Used by `recall.gather`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, timedelta
from uuid import UUID

from app.domain.blocks import ShownBlock
from app.domain.foresight import due
from app.domain.query import Mode, Narrowing, RecallQuery
from app.domain.units import Link, Unit
from app.services.recall_memo import Reads
from app.storage import blocks, links, recall, recall_memories
from app.storage.db import Connection

Reader = Callable[[], Connection]  # the transaction of this step; opened by the first call


@dataclass(frozen=True, slots=True)
class ReadThrough:
    """Reads by question and user; every one of them is added to what is known."""

    reader: Reader
    query: RecallQuery
    known: Reads
    model: str

    def turns(self, ids: Sequence[int]) -> list[Unit]:
        """Those of the turns that may be shown, in the order of `ids` (their numbers), each once."""
        kept, named = self.known.turns, list(dict.fromkeys(ids))
        missing = [UUID(int=id_) for id_ in named if id_ not in kept]
        if missing:
            carried = {id_: known for id_ in missing if (known := self.known.carried.get(id_.int)) is not None}
            scope, narrowing = self.query.scope, self.query.narrowing
            found = recall.turns(self.reader(), scope, narrowing, missing, model=self.model, known=carried)
            kept.update((id_.int, found.get(id_)) for id_ in missing)
        return [turn.unit for id_ in named if (turn := kept[id_]) is not None]

    def memories(self, ids: Iterable[int]) -> list[Unit]:
        """Those of the memories that may be shown, in the order of `ids` (their numbers), each once."""
        kept, named = self.known.memories, list(dict.fromkeys(ids))
        missing = [UUID(int=id_) for id_ in named if id_ not in kept]
        if missing:
            query = self.query
            found = recall_memories.memories(
                self.reader(), query.scope, query.narrowing, query.now, missing, model=self.model
            )
            kept.update((id_.int, found.get(id_)) for id_ in missing)
        return [unit for id_ in named if (unit := kept[id_]) is not None]

    def outdated(self) -> Mapping[UUID, frozenset[UUID]]:
        """The turns of statements that no longer hold, with what replaced these."""
        if self.known.outdated is None:
            scope, narrowing = self.query.scope, self.query.narrowing
            self.known.outdated = recall_memories.outdated_turns(self.reader(), scope, narrowing)
        return self.known.outdated

    def neighbours(self, ids: Sequence[UUID]) -> dict[UUID, list[Unit]]:
        """For each turn the one before and the one after it."""
        kept = self.known.neighbours
        missing = [id_ for id_ in ids if id_ not in kept]
        if missing:
            scope, narrowing = self.query.scope, self.query.narrowing
            kept.update(recall.neighbours(self.reader(), scope, narrowing, missing))
        return {id_: kept[id_] for id_ in ids}

    def links(self, ids: Sequence[UUID]) -> list[Link]:
        """The links among these memories."""
        kept, wanted = self.known.links, {id_.int for id_ in ids}
        missing = [id_ for id_ in ids if id_.int not in kept]
        if missing:
            found: dict[int, list[Link]] = {id_.int: [] for id_ in missing}
            query = self.query
            for link in links.starting_at(self.reader(), query.scope, missing, known_at=query.narrowing.known_at):
                found[link[0].int].append(link)
            kept.update(found)  # whole or not at all: others read it meanwhile
        return [link for id_ in ids for link in kept[id_.int] if link[1].int in wanted]

    def tail(self, limit: int) -> list[Unit]:
        """The last turns of the session that was named."""
        session_id = self.query.session_id
        if session_id is None:
            return []
        kept, key = self.known.tails, (session_id, limit)
        if key not in kept:
            scope, narrowing = self.query.scope, self.query.narrowing
            kept[key] = recall.tail(self.reader(), scope, narrowing, session_id, limit=limit)
        return kept[key]

    def blocks(self, *, user_summary: bool) -> list[ShownBlock]:
        """Profile and summaries. They are of the present and of all sessions: another view leaves them out."""
        narrowing = self.query.narrowing
        if narrowing.as_of is not None or narrowing.known_at is not None or narrowing.session_id is not None:
            return []
        kept, key = self.known.blocks, (self.query.session_id or "", user_summary)
        if key not in kept:
            kept[key] = blocks.in_context(
                self.reader(), self.query.scope, self.query.session_id, user_summary=user_summary
            )
        return kept[key]

    def due(self, days: int) -> list[Unit]:
        """The plans that are due within so many days. They are of the present and of all that the user has: a narrower
        view, and a fast recall, leave them out.
        """
        query = self.query
        view = replace(query.narrowing, include_archived=False, latest_only=False)
        if not days or query.mode is Mode.FAST or view != Narrowing():
            return []
        # Read for a day more to either side: which day it is depends on where each plan was made.
        today = query.now.astimezone(UTC).date()
        key = (today - timedelta(days=1), today + timedelta(days=days + 1))
        kept = self.known.plans
        if key not in kept:
            kept[key] = recall_memories.plans(self.reader(), query.scope, query.now, key, model=self.model)
        return due(kept[key], query.now, days)

    def history(self, limit: int) -> list[Unit]:
        """All turns in the order in which they were said, `limit` at most."""
        kept = self.known.histories
        if limit not in kept:
            kept[limit] = recall.history(self.reader(), self.query.scope, self.query.narrowing, limit=limit)
        return kept[limit]
