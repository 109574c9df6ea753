"""Erasures: a user, a session, an event, a memory, or what a source has said, taken out of every table in one
transaction, after which nothing of it is shown; the erase job and the index rewrite then reach the rest.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from app.domain.erasure import Erasure, Order, TargetKind
from app.domain.fingerprints import fingerprints, spoken_words, wholes
from app.domain.fingerprints import sample as sampled
from app.domain.scope import Scope, UserScope
from app.domain.work import WorkKind
from app.errors import NotFoundError
from app.storage import (
    cube_shares,
    erasing,
    erasing_memories,
    erasing_sources,
    erasure_choice,
    erasure_scan,
    erasures,
    jobs,
    tombstones,
    work,
)
from app.storage.db import Connection, widened
from app.storage.erasing_sources import Sources

JOB = "erase"
SAMPLED = 1_000  # texts of each table of a user whose words are fingerprinted: about 0.1 s
PRINTS_KEPT = timedelta(days=35)  # as long as backups should be kept (RELIABILITY.md 3.8)


@dataclass(frozen=True, slots=True)
class Source:
    """Which events: by what they carry. Empty fields do not narrow."""

    agent_id: str | None = None
    name: str | None = None
    role: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


def user(conn: Connection, scope: UserScope, order: Order, key: bytes) -> Erasure:
    """Erase a user; raises NotFoundError for one of whom nothing is kept. `key` is random, for fingerprints."""
    at = erasing.begin(conn, scope)
    if not erasing.exists(conn, scope):
        raise NotFoundError("There is no such user.")
    prints = fingerprints(erasure_scan.sample(conn, scope, SAMPLED), key)
    counts = erasing.user(conn, scope, at)
    tombstones.add(conn, scope, "user", [""], at=at, erasure_id=order.id)
    work.enqueue(conn, scope, WorkKind.INDEX)
    return _receipt(conn, scope, order, at, counts, prints, key)


def session(conn: Connection, scope: UserScope, order: Order, key: bytes) -> Erasure:
    """Erase a session: its turns, and the memories that rest on nothing else; raises NotFoundError."""
    at = erasing.begin(conn, scope, session_id=order.target_id)
    if not erasure_choice.session_exists(conn, scope, order.target_id):
        raise NotFoundError("There is no such session.")
    events = erasing_sources.events_of_session(conn, scope, order.target_id)
    written = erasing_memories.of_session_only(conn, scope, order.target_id)
    sources = Sources(tuple(events), tuple(written), order.derived_only)
    receipt = _sources(conn, scope, order, at, sources, key)
    if not order.derived_only:
        erasure_choice.drop_session(conn, scope, order.target_id)
        tombstones.add(conn, scope, "session", [order.target_id], at=at, erasure_id=order.id)
    return receipt


def event(conn: Connection, project: Scope, event_id: UUID, order: Order, key: bytes) -> Erasure:
    """Erase one event with what rests on it alone; raises NotFoundError."""
    found = erasure_choice.owner_of_event(conn, project, event_id)
    if found is None:
        raise NotFoundError("There is no such event.")
    scope = UserScope(project.project_id, found)
    at = erasing.begin(conn, scope)
    return _sources(conn, scope, order, at, Sources((event_id,), (), order.derived_only), key)


def memory(conn: Connection, scope: UserScope, memory_id: UUID, order: Order, key: bytes) -> Erasure:
    """Erase one memory, which the caller has found and locked under `begin`; its events stay, and do not tell it
    again.
    """
    at = erasing.begin(conn, scope)
    return _sources(conn, scope, order, at, Sources((), (memory_id,), derived_only=True), key)


def source(conn: Connection, scope: UserScope, chosen: Source, order: Order, key: bytes) -> Erasure:
    """Erase the events of a source, or what was made of them; raises NotFoundError when there are none."""
    at = erasing.begin(conn, scope)
    events = erasure_choice.events_of_source(
        conn, scope, agent_id=chosen.agent_id, name=chosen.name, role=chosen.role, metadata=chosen.metadata
    )
    if not events:
        raise NotFoundError("No event of this user comes from that source.")
    return _sources(conn, scope, order, at, Sources(tuple(events), (), order.derived_only), key)


def these(  # noqa: PLR0913 - an erasure's parts
    conn: Connection, scope: UserScope, order: Order, sources: Sources, key: bytes, *, until: datetime | None = None
) -> Erasure | None:
    """Erase those of these events and memories that are there (and were recorded by `until`); None when none is. For
    ages that the policy sets, and for erasures that a restored database lacks.
    """
    at = erasing.begin(conn, scope)
    kept = erasure_choice.existing(conn, scope, sources, until)
    if not kept.event_ids and not kept.memory_ids:
        return None
    return _sources(conn, scope, order, at, kept, key)


def _sources(  # noqa: PLR0913, PLR0917 - an erasure's parts
    conn: Connection, scope: UserScope, order: Order, at: datetime, sources: Sources, key: bytes
) -> Erasure:
    erased = erasing_sources.erase(conn, scope, sources, actor=order.actor)
    of_events = "derived" if sources.derived_only else "event"
    for kind, ids in (("memory", erased.memory_ids), (of_events, sources.event_ids), ("derived", erased.unmade)):
        tombstones.add(conn, scope, kind, [str(i) for i in ids], at=at, erasure_id=order.id)
    work.enqueue(conn, scope, WorkKind.INDEX)
    told = erased.told
    spoken = [*erased.said, *told.spoken]
    prints = fingerprints(erased.said, key) | wholes(told.statements, key)
    prints |= spoken_words([*told.statements, *told.reflections], spoken, key)
    receipt = _receipt(conn, scope, order, at, erased.counts, prints, key)
    work.enqueue_tidy(conn, scope)
    return receipt


def _receipt(  # noqa: PLR0913, PLR0917 - a receipt's parts
    conn: Connection,
    scope: UserScope,
    order: Order,
    at: datetime,
    counts: Counter[str],
    prints: set[int],
    key: bytes,
) -> Erasure:
    receipt = erasures.insert(conn, scope, order, at, counts)
    erasures.set_prints(conn, scope, order.id, sampled(prints), key, at + PRINTS_KEPT)
    jobs.insert(conn, scope, order.id, JOB, {}, dry_run=False, created_by=order.actor)
    with widened(conn):
        work.enqueue(conn, scope.project, WorkKind.JOB, key=str(order.id))
    return receipt


def get(conn: Connection, scope: Scope, erasure_id: UUID) -> Erasure:
    """One receipt; raises NotFoundError."""
    found = erasures.get(conn, scope, erasure_id)
    if found is None:
        raise NotFoundError("There is no such erasure.")
    return found


def page(
    conn: Connection, scope: Scope, *, user_id: str | None, after: tuple[datetime, UUID] | None, limit: int
) -> list[Erasure]:
    """Receipts, the newest first."""
    return erasures.page(conn, scope, user_id=user_id, after=after, limit=limit)


def entry(conn: Connection, erasure: Erasure, project_id: UUID) -> dict[str, Any]:
    """What the log outside of the database keeps: ids and times, enough to erase the same again."""
    stones = tombstones.of_erasure(conn, UserScope(project_id, erasure.user_id), erasure.id)
    return {
        "id": str(erasure.id),
        "project_id": str(project_id),
        "user_id": erasure.user_id,
        "kind": erasure.target_kind,
        "target_id": erasure.target_id,
        "derived_only": erasure.derived_only,
        "erased_at": erasure.erased_at.isoformat(),
        "events": stones.get("event", []) + (stones.get("derived", []) if erasure.derived_only else []),
        "memories": stones.get("memory", []),
        "unmade": [] if erasure.derived_only else stones.get("derived", []),
    }


def replay(conn: Connection, logged: Mapping[str, Any], key: bytes) -> Erasure:
    """Erase again what a restored database holds of it, under the project's scope; with the receipt's old id. What was
    recorded after the erasure stays.
    """
    scope = UserScope(UUID(logged["project_id"]), logged["user_id"])
    kind, at = TargetKind(logged["kind"]), datetime.fromisoformat(logged["erased_at"])
    order = Order(UUID(logged["id"]), kind, logged["target_id"], "restore", "replay", bool(logged["derived_only"]))
    sources = Sources(tuple(map(UUID, logged["events"])), tuple(map(UUID, logged["memories"])), order.derived_only)
    if kind is TargetKind.USER:
        erasing.begin(conn, scope)
        sources, newer = erasure_choice.everything_until(conn, scope, at)
        if not newer and erasing.exists(conn, scope):
            return user(conn, scope, order, key)
    receipt = these(conn, scope, order, sources, key, until=None if kind is TargetKind.MEMORY else at)
    if receipt is None:
        receipt = _receipt(conn, scope, order, at, Counter(), set(), key)
    if kind is TargetKind.USER:
        cube_shares.forget_reader(conn, scope)
        tombstones.add(conn, scope, "user", [""], at=at, erasure_id=order.id)
    if kind is TargetKind.SESSION and not order.derived_only:
        erasure_choice.drop_session(conn, scope, order.target_id)
        tombstones.add(conn, scope, "session", [order.target_id], at=at, erasure_id=order.id)
    of_events = "derived" if order.derived_only else "event"
    unmade = logged.get("unmade", [])  # an entry of an older version has none
    for name, ids in (("memory", logged["memories"]), (of_events, logged["events"]), ("derived", unmade)):
        tombstones.add(conn, scope, name, ids, at=at, erasure_id=order.id)
    return receipt


@dataclass(frozen=True, slots=True)
class Verification:
    """What a scan found: `found` by place should not be there, `again` was said again since. `words`: whether words
    could be looked for too, which their fingerprints allow for some time.
    """

    found: dict[str, int]
    again: dict[str, int]
    words: bool


def verify(conn: Connection, scope: UserScope, erasure: Erasure) -> Verification:
    """Look for what the erasure took, in every table; the caller adds what other stores hold and keeps the outcome."""
    at = erasure.erased_at
    if erasure.target_kind == TargetKind.USER:
        found = erasure_scan.of_user(conn, scope, at)
    else:
        found = erasure_scan.of_ids(conn, scope, erasure.id, at, derived_only=erasure.derived_only)
    kept = erasures.prints(conn, scope, erasure.id)
    again: Counter[str] = Counter()
    if kept is not None:
        prints, key = kept
        by_words = erasure_scan.of_words(conn, scope, prints, key, at, derived_only=_keeps_events(erasure))
        again = by_words.again
        found |= by_words.found
    return Verification(dict(found), dict(again), kept is not None)


def _keeps_events(erasure: Erasure) -> bool:
    return erasure.derived_only or erasure.target_kind == TargetKind.MEMORY


def narrow_prints(conn: Connection, scope: UserScope, erasure: Erasure) -> int:
    """Drop the fingerprints that also fit what remains of the user; returns how many are left."""
    kept = erasures.prints(conn, scope, erasure.id)
    if kept is None:
        return 0
    prints, key = kept
    left = sorted(prints - erasure_scan.words_left(conn, scope, prints, key, erasure.erased_at))
    erasures.set_prints(conn, scope, erasure.id, left, key, erasure.erased_at + PRINTS_KEPT)
    return len(left)
