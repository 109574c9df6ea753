"""Versions of memories: what differs between two, what made one, and what a rollback does about a memory. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from app.domain.memory import MemoryStatus

# What a version keeps of a memory, in the order in which differences are shown.
FIELDS = (
    "text", "type", "status", "subject", "attribute", "value", "event_time", "valid_from", "valid_to", "live_from",
    "live_until", "superseded_by", "importance", "confidence", "frozen", "metadata", "expires_at",
    "review_at", "flagged",
)  # fmt: skip
LATER = ("expires_at", "review_at", "flagged")  # not recorded by versions that are not `complete`
WORDS = frozenset({"text", "value"})  # fields that may hold a secret


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field with what it was and what it became; None also where there was no version before."""

    field: str
    before: Any
    after: Any


def differences(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> tuple[FieldChange, ...]:
    """The fields in which two versions differ; against nothing, those that say something."""
    was, now = before or {}, after or {}
    return tuple(
        FieldChange(name, was.get(name), now.get(name))
        for name in FIELDS
        if was.get(name) != now.get(name) and not (before is None and now.get(name) in ({}, False))
    )


@dataclass(frozen=True, slots=True)
class Cause:
    """What made a version, as far as it is known: the statement that was read and the turns that it came from, a job,
    another memory.
    """

    candidate_id: UUID | None = None
    event_ids: tuple[UUID, ...] = ()
    job_id: UUID | None = None
    memory_id: UUID | None = None


def cause_of(actor: str, candidate_id: UUID | None, event_ids: Sequence[UUID], successor: UUID | None) -> Cause:
    """The cause of a version that `actor` recorded; `successor` is the memory that took this one's place with it."""
    job = actor.removeprefix("job:") if actor.startswith("job:") else None
    return Cause(candidate_id, tuple(event_ids), _uuid(job), successor)


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None


class StepKind(StrEnum):
    """What a rollback does about a memory that differs from what was known then."""

    RESTORE = "restore"  # a new version with what was known then
    HIDE = "hide"  # it was not known then: invalidated, for no time ever believed
    KEEP = "keep"  # private since, so it stays archived; or the words of then were erased


@dataclass(frozen=True, slots=True)
class Standing:
    """A memory that differs from what was known at a time: its row now and, if it was known then, its version then."""

    memory_id: UUID
    version: int
    now: Mapping[str, Any]
    private: bool
    then: Mapping[str, Any] | None = None
    then_version: int | None = None
    then_recorded_at: datetime | None = None
    then_hash: bytes | None = None  # of the text then


@dataclass(frozen=True, slots=True)
class Step:
    """One memory's part of a rollback. `status` is the one that it gets."""

    standing: Standing
    kind: StepKind
    reason: str
    status: str

    @property
    def fields(self) -> list[str]:
        """The names of what changes."""
        then = self.standing.then
        return ["status"] if then is None else [c.field for c in differences(self.standing.now, then)]

    @property
    def rewords(self) -> bool:
        """Whether the memory gets another text, which has to be embedded."""
        then = self.standing.then
        return self.kind is StepKind.RESTORE and then is not None and then["text"] != self.standing.now["text"]


def steps(standings: Sequence[Standing]) -> list[Step]:
    """What a rollback does, memory by memory. Two that said the same in the instant between two changes do not both
    become active: the one recorded last stays, as it did then.
    """
    made = [_step(standing) for standing in standings]
    newest: dict[bytes, Step] = {}
    for step in made:
        then = step.standing
        if step.kind is StepKind.RESTORE and step.status == MemoryStatus.ACTIVE and then.then_hash is not None:
            held = newest.get(then.then_hash)
            newest[then.then_hash] = step if held is None else max(held, step, key=_recorded)
    return [step if _stands(step, newest) else replace(step, status=MemoryStatus.MERGED.value) for step in made]


def _step(standing: Standing) -> Step:
    if standing.private:
        return Step(standing, StepKind.KEEP, "private", str(standing.now["status"]))
    if standing.then is not None and not standing.then["text"]:
        return Step(standing, StepKind.KEEP, "erased", str(standing.now["status"]))
    if standing.then is None:
        return Step(standing, StepKind.HIDE, "not_known_then", MemoryStatus.INVALIDATED.value)
    return Step(standing, StepKind.RESTORE, "changed_since", str(standing.then["status"]))


def _recorded(step: Step) -> tuple[datetime, UUID]:
    at = step.standing.then_recorded_at
    assert at is not None  # noqa: S101 - a version then has its time
    return at, step.standing.memory_id


def _stands(step: Step, newest: Mapping[bytes, Step]) -> bool:
    said = step.standing.then_hash
    active = step.kind is StepKind.RESTORE and step.status == MemoryStatus.ACTIVE and said is not None
    return not active or newest[said or b""] is step
