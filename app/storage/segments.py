"""Segments: what extraction cut a session into. One row for each (events, extractor), however often it runs."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import numpy as np
import numpy.typing as npt

from app.domain.scope import UserScope
from app.storage.db import Connection
from app.storage.vectors import to_half


@dataclass(frozen=True, slots=True)
class Segment:
    """Consecutive events of a session about one matter."""

    id: UUID
    session_id: str
    event_ids: tuple[UUID, ...]
    extractor: str
    title: str
    keywords: tuple[str, ...]
    participants: tuple[str, ...]
    started_at: datetime
    ended_at: datetime
    summary: str = ""  # the episode, where the policy wants one
    model: str | None = None
    dense: npt.NDArray[np.float32] | None = None  # the mean of its turns by `model`, beside an episode


def insert(conn: Connection, scope: UserScope, segment: Segment) -> UUID:
    """Store a segment; returns the id of the stored one, which is an older one when these events were read before."""
    row = conn.execute(
        "INSERT INTO segments (id, project_id, user_id, session_id, event_ids, events_hash, extractor, title, keywords,"
        " participants, started_at, ended_at, summary, model, dense)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (project_id, user_id, session_id, events_hash, extractor) DO UPDATE SET title = excluded.title,"
        " summary = excluded.summary, model = excluded.model, dense = excluded.dense RETURNING id",
        (
            segment.id,
            scope.project_id,
            scope.user_id,
            segment.session_id,
            list(segment.event_ids),
            events_hash(segment.event_ids),
            segment.extractor,
            segment.title,
            list(segment.keywords),
            list(segment.participants),
            segment.started_at,
            segment.ended_at,
            segment.summary,
            segment.model,
            to_half(segment.dense) if segment.dense is not None else None,
        ),
    ).fetchone()
    stored: UUID = row["id"] if row else segment.id
    return stored


def events_hash(ids: Sequence[UUID]) -> bytes:
    """SHA-256 of the ids in order."""
    return hashlib.sha256(b"".join(i.bytes for i in ids)).digest()
