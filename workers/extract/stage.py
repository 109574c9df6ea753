"""The extract stage: reads a session's new turns, makes vectors, segments and candidates, and commits them at once.

Nothing is computed inside a transaction; the second one is short and ends with the fence of the ledger.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import numpy as np
import numpy.typing as npt

from app.context import ProcessContext
from app.domain.event import Event
from app.domain.keytext import key_text, plain_text
from app.domain.lexical import TEXT_LENGTH, document_vector
from app.domain.memory import Candidate
from app.domain.policy import Policy
from app.domain.scope import UserScope
from app.domain.sparse import SparseVector
from app.domain.windows import Neighbours, window_vectors
from app.domain.work import WorkItem, WorkKind
from app.ledger.lease import Lease
from app.services import policy as policies
from app.services import served
from app.storage import candidates, event_stages, events, segments, tombstones, vectors, work
from app.storage.candidates import StoredCandidate
from app.storage.event_stages import Extracted
from app.storage.segments import Segment
from app.storage.vectors import StoredVector
from workers.extract import model_run
from workers.extract.buffer import Ready, ready
from workers.extract.gate import has_news, unread
from workers.extract.local import EXTRACTOR, extract
from workers.extract.model import extractor_name
from workers.extract.model_run import ModelReader
from workers.extract.segmenter import SegmentPlan, episode, segment

RUN_LIMIT = 256  # events of one run: about one second of encoding
ENCODE_BATCH = 64  # texts between two looks at the lease


@dataclass(frozen=True, slots=True)
class Reading:
    """What a run has in hand: new turns in order, earlier ones, and everything needed for windows.

    `more` turns are unread, to be looked at in `rest_in` seconds.
    """

    new: list[Event]
    more: bool
    rest_in: float
    context: list[Event]
    context_dense: npt.NDArray[np.float32]  # of earlier turns that have a vector, where the gate asks for news
    neighbours: Neighbours
    known: dict[UUID, Event]  # new turns, their neighbours and the neighbours of those
    touched: list[UUID]  # older turns whose window changes
    echoes: dict[UUID, Event]  # turns that repeat what we served, without it
    policy: Policy
    since: datetime  # when it was read, by the database's clock


@dataclass(frozen=True, slots=True)
class Finding:
    """One segment with its candidates, their vectors, and the reasons of turns that gave none."""

    segment: Segment
    candidates: list[StoredCandidate]
    skipped: dict[UUID, str]


def run(context: ProcessContext, item: WorkItem, lease: Lease) -> None:
    """Extract the unread turns of the item's session."""
    waiting, reading = _read(context, item)
    if reading is None:
        with context.db.transaction(item.user) as conn:
            if waiting is not None:
                work.enqueue(conn, item.user, WorkKind.EXTRACT, session_id=item.session_id, quiet=waiting)
            work.complete(conn, item)
        return
    dense = _encode(context, [key_text(event) for event in reading.new], lease)
    findings = _understand(context, item, reading, dense, lease)
    stored = _vectors(reading, dense)
    windows = window_vectors(reading.touched, reading.neighbours, reading.known)
    lease.check()
    found = any(finding.candidates for finding in findings)
    with context.db.transaction(item.user) as conn:
        event_stages.lock(conn, item.user, [*reading.touched, *(event.id for event in reading.new)])
        tombstones.check(conn, item.user, reading.since)
        vectors.upsert(conn, item.user, context.encoder.fingerprint, stored)
        vectors.update_windows(conn, item.user, windows)
        event_stages.bump(conn, item.user, reading.touched)
        for finding in findings:
            segment_id = segments.insert(conn, item.user, finding.segment)
            rows = [
                StoredCandidate(c.id, segment_id, c.ordinal, c.candidate, c.model, c.dense) for c in finding.candidates
            ]
            candidates.insert(conn, item.user, item.session_id, rows)
            event_stages.mark_extracted(conn, item.user, _marks(finding, segment_id))
        event_stages.mark_consolidated(conn, item.user, [event.id for event in reading.new])
        if found:
            work.enqueue(conn, item.user, WorkKind.CONSOLIDATE)
        if reading.more:
            work.enqueue(conn, item.user, WorkKind.EXTRACT, session_id=item.session_id, quiet=reading.rest_in)
        work.complete(conn, item)
        work.enqueue(conn, item.user, WorkKind.INDEX)
    context.hints.send(WorkKind.CONSOLIDATE if found else WorkKind.INDEX)


def _read(context: ProcessContext, item: WorkItem) -> tuple[float | None, Reading | None]:
    """What is to be read now; or nothing, and in how many seconds to look again at what gathers in the buffer."""
    scope: UserScope = item.user
    limit = RUN_LIMIT if context.llm is None else model_run.RUN_LIMIT
    with context.db.transaction(scope) as conn:
        since = tombstones.now(conn)
        unread = event_stages.to_extract(conn, scope, item.session_id, limit + 1)
        if not unread:
            return None, None
        policy = policies.effective(conn, scope)
        now = ready(unread, policy.extract, context.clock())
        if now.turns < len(unread) and (len(unread) > limit or work.is_urgent(conn, item)):
            now = Ready(len(unread))  # a run holds no more, or a client waits
        if now.turns == 0:
            return now.rest_in, None
        new = unread[: min(limit, now.turns)]
        ids = {event.id for event in new}
        around = event_stages.neighbours(conn, scope, list(ids))
        touched = sorted({i for pair in around.values() for i in pair if i is not None} - ids)
        around |= event_stages.neighbours(conn, scope, touched)
        wanted = {i for pair in around.values() for i in pair if i is not None} | set(touched)
        known = events.by_ids(conn, scope, sorted(wanted - ids)) | {event.id: event for event in new}
        before = event_stages.earlier(conn, scope, new[0], policy.extract.context_events)
        asked = [event.id for event in before] if policy.gate.novelty else []
        told = vectors.dense_of(conn, scope, context.encoder.fingerprint, asked)
        return None, Reading(
            new=new,
            more=len(unread) > len(new),
            rest_in=now.rest_in if len(new) == now.turns else 0.0,
            context=before,
            context_dense=np.array(list(told.values()), dtype=np.float32).reshape(-1, context.encoder.dimension),
            neighbours=around,
            known=known,
            touched=touched,
            echoes=served.echoes(conn, scope, new, context.clock()),
            policy=policy,
            since=since,
        )


def _understand(
    context: ProcessContext, item: WorkItem, reading: Reading, dense: npt.NDArray[np.float32], lease: Lease
) -> list[Finding]:
    """Cut the turns into segments and read each with the turns before it; embed all statements in one go."""
    read: list[tuple[Segment, list[Candidate], dict[UUID, str]]] = []
    past, past_dense = list(reading.context), reading.context_dense
    reader = ModelReader(context, context.llm, item.user, lease) if context.llm is not None else None
    place = 0
    limit = reading.policy.extract.context_events
    lines = reading.policy.segment.episode_lines
    for plan in segment(reading.new, dense, reading.policy):
        lease.check()
        before = past[len(past) - min(limit, len(past)) :]
        vectors_of = dense[place : place + len(plan.events)]
        place += len(plan.events)
        heard = replace(plan, events=tuple(reading.echoes.get(event.id, event) for event in plan.events))
        if has_news(heard.events, vectors_of, before, past_dense[-limit:], reading.policy):
            extractor, made, skipped = _read_segment(heard, before, reading.policy, reader, vectors_of)
        else:
            extractor, made, skipped = EXTRACTOR, [], unread(heard.events, reading.policy)
        fruitful = {event_id for candidate in made for event_id in candidate.event_ids}
        skipped |= dict.fromkeys(reading.echoes.keys() - fruitful, "served")
        ids = tuple(event.id for event in plan.events)
        row = Segment(
            id=context.new_id(),
            session_id=item.session_id,
            event_ids=ids,
            extractor=extractor,
            title=plan.title,
            keywords=plan.keywords,
            participants=plan.participants,
            started_at=plan.events[0].occurred_at,
            ended_at=plan.events[-1].occurred_at,
            model=context.encoder.fingerprint if lines else None,
            dense=vectors_of.mean(axis=0) if lines else None,
        )
        read.append((row, made, skipped))
        past += plan.events
        past_dense = np.concatenate([past_dense, vectors_of])
    statements = iter(_encode(context, [candidate.text for _, made, _ in read for candidate in made], lease))
    model = context.encoder.fingerprint
    return [
        _finding(
            row,
            [
                StoredCandidate(context.new_id(), row.id, place, candidate, model, next(statements))
                for place, candidate in enumerate(made)
            ],
            skipped,
            lines,
        )
        for row, made, skipped in read
    ]


def _finding(row: Segment, found: list[StoredCandidate], skipped: dict[UUID, str], lines: int) -> Finding:
    """The segment with its episode, where the policy wants one."""
    if row.dense is not None:
        summary = episode([c.candidate.text for c in found], [c.dense for c in found], row.dense, lines)
        row = replace(row, summary=summary)
    return Finding(row, found, skipped)


def _read_segment(
    plan: SegmentPlan,
    before: Sequence[Event],
    policy: Policy,
    reader: ModelReader | None,
    dense: npt.NDArray[np.float32],
) -> tuple[str, list[Candidate], dict[UUID, str]]:
    """By the model where there is one that answers, else locally: the extractor's name tells, with the reason."""
    found = reader.read(plan.events, before, policy, dense) if reader is not None else None
    if reader is not None and found is not None:
        return extractor_name(reader.model), found.candidates, found.skipped
    made, skipped = extract(plan.events, before, policy)
    reason = reader.reason if reader is not None else None
    return f"{EXTRACTOR} ({reason})" if reason else EXTRACTOR, made, skipped


def _encode(context: ProcessContext, texts: Sequence[str], lease: Lease) -> npt.NDArray[np.float32]:
    parts = []
    for start in range(0, len(texts), ENCODE_BATCH):
        lease.check()
        parts.append(context.encoder.encode(texts[start : start + ENCODE_BATCH]))
    return np.concatenate(parts) if parts else np.zeros((0, context.encoder.dimension), dtype=np.float32)


def _vectors(reading: Reading, dense: npt.NDArray[np.float32]) -> list[StoredVector]:
    windows: dict[UUID, SparseVector] = window_vectors(
        [event.id for event in reading.new], reading.neighbours, reading.known
    )
    return [
        StoredVector(
            event.id, "event", dense[place], document_vector(plain_text(event), TEXT_LENGTH), windows[event.id]
        )
        for place, event in enumerate(reading.new)
    ]


def _marks(finding: Finding, segment_id: UUID) -> list[Extracted]:
    fruitful = {event_id for row in finding.candidates for event_id in row.candidate.event_ids}
    return [
        Extracted(event_id, segment_id, event_id in fruitful, finding.skipped.get(event_id))
        for event_id in finding.segment.event_ids
    ]
