"""Jobs that workers run in slices: what a slice is told and what it leaves. Read by `ledger/jobs` and its handlers."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Slice:
    """How far a job is after one slice: `done` of `total`, its `counts`, and in `resume` where the next one goes on.
    Nothing of it holds text of users.
    """

    done: int
    total: int | None
    counts: dict[str, Any] = field(default_factory=dict)
    resume: dict[str, Any] = field(default_factory=dict)
    finished: bool = False


@dataclass(frozen=True, slots=True)
class JobItem:
    """One thing that a run did, or with `dry_run` would do, and why. `detail` holds ids and numbers only."""

    user_id: str
    target_kind: str
    target_id: str
    action: str
    reason: str
    detail: dict[str, Any] = field(default_factory=dict)
