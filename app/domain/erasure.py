"""Erasures: what can be erased, what a receipt says and how it is signed, and what becomes of a memory that rests on
erased and on other sources. Pure; used by storage, services and the erase job.
"""

import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any
from uuid import UUID

from app.domain.normalise import text_hash


class TargetKind(StrEnum):
    """What an erasure is about."""

    USER = "user"
    SESSION = "session"
    EVENT = "event"
    MEMORY = "memory"
    SOURCE = "source"  # events chosen by agent, name, role or metadata
    AGE = "age"  # what the policy keeps no longer


@dataclass(frozen=True, slots=True)
class Order:
    """One request to erase: under which id, what, why and on whose account. `target_id` holds an id of the app or of
    ours, of a source the names of the fields that chose it.
    """

    id: UUID
    kind: TargetKind
    target_id: str
    actor: str
    reason: str = "request"
    derived_only: bool = False


@dataclass(frozen=True, slots=True)
class Erasure:
    """A receipt as it is stored. `counts` are rows by table, `notes` say what was done about each store."""

    id: UUID
    user_id: str
    target_kind: str
    target_id: str
    derived_only: bool
    reason: str
    state: str
    counts: dict[str, int]
    notes: dict[str, str]
    created_by: str
    erased_at: datetime
    swept_at: datetime | None
    finished_at: datetime | None
    verified_at: datetime | None
    findings: dict[str, int] | None

    @property
    def pending(self) -> tuple[str, ...]:
        """What is still to be done."""
        open_ = {"erasing": ("tables", "index_rewrite"), "rewriting": ("index_rewrite",)}
        return open_.get(self.state, ())


def signature(erasure: Erasure, project_id: UUID, secret: bytes) -> str:
    """HMAC-SHA256 over what a finished receipt says, under the installation's key: who holds a copy of the receipt can
    ask whether it is ours and unchanged. Verifications are not part of it.
    """
    said: dict[str, Any] = {
        "project_id": str(project_id),
        "id": str(erasure.id),
        "user_id": erasure.user_id,
        "target": [erasure.target_kind, erasure.target_id, erasure.derived_only],
        "reason": erasure.reason,
        "counts": erasure.counts,
        "notes": erasure.notes,
        "times": [str(erasure.erased_at.timestamp()), str((erasure.finished_at or erasure.erased_at).timestamp())],
    }
    plain = json.dumps(said, sort_keys=True, separators=(",", ":")).encode()
    return hmac.new(secret, plain, sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class Wording:
    """One version of a memory: what it said then. `own`: an app wrote these words itself."""

    version: int
    text: str
    own: bool


@dataclass(frozen=True, slots=True)
class Rest:
    """What is left of a memory that loses some of its sources: `version` is the one whose words it gets (None: they
    stay as they are), `blank` the versions whose words go.
    """

    version: int | None = None
    blank: tuple[int, ...] = field(default_factory=tuple)


def rest_of(wordings: Sequence[Wording], told: Mapping[bytes, Any]) -> Rest | None:
    """What remains of a memory, given its versions (the oldest first) and the hashes of the texts that its remaining
    sources told. It keeps its words when those are an app's own or still told, else it gets those of the latest version
    that are; None when there is none: then the memory goes.
    """
    own = {text_hash(wording.text) for wording in wordings if wording.own}
    fine = [text_hash(w.text) in own or text_hash(w.text) in told for w in wordings]
    blank = tuple(w.version for w, stays in zip(wordings, fine, strict=True) if not stays and w.text)
    if fine and fine[-1]:
        return Rest(None, blank)
    for wording, stays in reversed(list(zip(wordings, fine, strict=True))):
        if stays:
            return Rest(wording.version, blank)
    return None
