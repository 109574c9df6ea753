"""The job of kind `sleep`: user by user what a plan says, in slices. A dry run notes the same items, changes nothing.

A slice reads, plans without a transaction, and does one action after the other, each in a short transaction that
compares versions; when a write came in between, it plans again. A kill costs the slice: what was done stays done, and
the next plan holds the rest.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.context import ProcessContext
from app.domain.job import JobItem, Slice
from app.domain.policy import Policy
from app.domain.scope import ProjectScope, UserScope
from app.domain.sleep import Action, AddLink, DropLink, Known, Merge
from app.domain.sleep_plan import Plan, plan_of
from app.domain.tidying import KeptMemory
from app.domain.work import WorkKind
from app.ledger.jobs import SLICE_SECONDS
from app.ledger.lease import Lease
from app.ledger.upkeep import SCHEDULED
from app.services.blocks import MOST_MEMORIES, tidy
from app.services.policy import effective
from app.storage import changes, job_items, notes, scenes, sleeping, tidying, tombstones, work
from app.storage.changes import StaleDecisionError
from app.storage.db import Connection
from app.storage.jobs import Job
from workers.lifecycle.sleep_do import Doing, note_act, perform
from workers.lifecycle.sleep_items import items_of, scene_items

ATTEMPTS = 5  # plans that turned stale in a row before the job goes back to the ledger
LINKS_AT_ONCE = 100  # of one transaction


@dataclass(slots=True)
class _Progress:
    """Where a job is: users done, the last one of them, the one that it is at, and the seconds spent on that one."""

    done: int = 0
    after: str = ""
    user: str | None = None
    spent: float = 0.0
    before: int = 0  # active memories of the users that were begun
    left: int = 0  # and of those that are done, afterwards

    @classmethod
    def of(cls, job: Job) -> "_Progress":
        return cls(**job.resume)

    def as_json(self) -> dict[str, int | float | str | None]:
        return {name: getattr(self, name) for name in ("done", "after", "user", "spent", "before", "left")}


@dataclass(frozen=True, slots=True)
class _Seen:
    """One view of a user: what is known, the plan, and when it was read."""

    at: datetime
    known: Known
    kept: list[KeptMemory]
    plan: Plan
    stored: dict[UUID, frozenset[UUID]]
    policy: Policy

    @property
    def active(self) -> int:
        return len(self.known.memories) + sum(old.active for old in self.known.reflections.values())


def run(context: ProcessContext, scope: ProjectScope, job: Job, lease: Lease) -> Slice:
    """One slice of the job."""
    progress, until = _Progress.of(job), time.monotonic() + SLICE_SECONDS
    finished = False
    while True:  # at least one user
        user = _next(context, scope, job, progress)
        if user is None:
            finished = True
            break
        began = time.monotonic()
        doing = Doing(context, user, job.id, lease)
        over = _show(doing, progress) if job.dry_run else _sleep(doing, progress, until)
        progress.spent += time.monotonic() - began
        if over:
            progress.done, progress.after, progress.user, progress.spent = progress.done + 1, user.user_id, None, 0.0
        if time.monotonic() >= until:
            break
    with context.db.transaction(scope) as conn:
        counts: dict[str, int] = dict(job_items.counts(conn, scope, job.id))
        total = 1 if "user_id" in job.scope else sleeping.count_users(conn, scope, changed_only=_changed_only(job))
    counts |= {"users": progress.done, "active_before": progress.before, "active_after": progress.left}
    if not job.dry_run:
        context.hints.send(WorkKind.INDEX)
    return Slice(progress.done, max(total, progress.done), counts, progress.as_json(), finished=finished)


def _changed_only(job: Job) -> bool:
    """The run of the night looks only at users whose memories changed since their last one."""
    return job.created_by == SCHEDULED


def _next(context: ProcessContext, scope: ProjectScope, job: Job, progress: _Progress) -> UserScope | None:
    """The user that the job is at, or the next one; None after the last."""
    only = job.scope.get("user_id")
    if progress.user is not None:
        return UserScope(scope.project_id, progress.user)
    if only is not None:
        found = None if progress.done else UserScope(scope.project_id, only)
    else:
        with context.db.transaction(scope) as conn:
            found = next(iter(sleeping.users(conn, scope, progress.after, 1, changed_only=_changed_only(job))), None)
    progress.user = found.user_id if found is not None else None
    return found


def _look(context: ProcessContext, user: UserScope) -> _Seen:
    """Read under the user's lock, so that nothing that is being written is missed; plan without a transaction."""
    model = context.encoder.fingerprint
    with context.db.transaction(user) as conn:
        at = changes.lock_user(conn, user)
        policy = effective(conn, user)
        known = sleeping.known(conn, user, model, limit=MOST_MEMORIES)
        kept = tidying.active(conn, user, model, limit=MOST_MEMORIES)
        stored = scenes.members(conn, user)
    plan = plan_of(f"{user.project_id} {user.user_id}", known, kept, policy)
    return _Seen(at, known, kept, plan, stored, policy)


def _show(doing: Doing, progress: _Progress) -> bool:
    """Note what would be done."""
    seen, user = _look(doing.context, doing.user), doing.user
    items = [item for action in seen.plan.actions for item in items_of(user, action)]
    items += scene_items(user, seen.stored, seen.plan.scenes, seen.policy.scenes)
    with doing.context.db.transaction(user) as conn:
        changes.lock_user(conn, user)
        tombstones.check(conn, user, seen.at)
        job_items.clear(conn, user, doing.job_id, user.user_id)  # of a slice that was cut off
        job_items.add(conn, user, doing.job_id, items)
    gone = sum(len(action.gone) for action in seen.plan.actions if isinstance(action, Merge))
    new = sum(item.action == "reflect" and item.reason == "recurs" for item in items)
    progress.before += seen.active
    progress.left += seen.active - gone + new
    return True


def _sleep(doing: Doing, progress: _Progress, until: float) -> bool:
    """Do what is to be done for a user until a plan is empty; False when the slice is over before that. At least one
    action is done, so that a slow machine gets on, too.
    """
    first, done = None, 0
    for attempt in range(1, ATTEMPTS + 1):
        seen = _look(doing.context, doing.user)
        if first is None:
            first = seen
            progress.before += 0 if progress.spent else seen.active
        if not seen.plan.actions:
            break
        until = max(until, time.monotonic() + SLICE_SECONDS)  # planning takes no time from doing
        allowed = time.monotonic() + seen.policy.sleep.deadline_seconds - progress.spent
        try:
            for actions in _batches(seen.plan.actions):
                if done and time.monotonic() >= allowed:
                    return _finish(doing, progress, first, None)
                if done and time.monotonic() >= until and not isinstance(actions[0], Merge):
                    return False
                doing.lease.check()
                perform(doing, actions, seen.at)
                done += 1
        except StaleDecisionError:
            if attempt == ATTEMPTS:
                raise
            doing.context.logger.info("sleep_stale", attempt=attempt)
    return _finish(doing, progress, first or seen, seen.at)


def _batches(actions: tuple[Action, ...]) -> Iterator[tuple[Action, ...]]:
    """Links together, everything else by itself, in order."""
    batch: list[Action] = []
    for action in actions:
        if isinstance(action, AddLink | DropLink):
            batch.append(action)
            if len(batch) < LINKS_AT_ONCE:
                continue
        if batch:
            yield tuple(batch)
            batch = []
        if not isinstance(action, AddLink | DropLink):
            yield (action,)
    if batch:
        yield tuple(batch)


def _finish(doing: Doing, progress: _Progress, first: _Seen, slept_at: datetime | None) -> bool:
    """Make scenes and blocks anew, note which are others now, and mark the user as slept on up to `slept_at`; without
    it the user's time was over: what was done holds, the rest waits for the next run.
    """
    user = doing.user
    with doing.context.db.transaction(user) as conn:
        changes.lock_user(conn, user)
        tombstones.check(conn, user, first.at)
        progress.left += _tidied(doing.context, conn, user)
        if slept_at is not None:
            items = scene_items(user, first.stored, first.plan.scenes, first.policy.scenes)
            sleeping.mark(conn, user, slept_at)
        else:
            detail = {"seconds": round(first.policy.sleep.deadline_seconds, 3)}
            items = [JobItem(user.user_id, "user", user.user_id, "out_of_time", "deadline", detail)]
        job_items.add(conn, user, doing.job_id, items)
        note_act(conn, doing, items)
    return True


def _tidied(context: ProcessContext, conn: Connection, user: UserScope) -> int:
    """Scenes, labels, summaries and blocks as the memories are now; returns how many are active."""
    tidy(conn, user, model=context.encoder.fingerprint)
    if effective(conn, user).notes.keywords > 0 or notes.exist(conn, user):
        work.enqueue(conn, user, WorkKind.EVOLVE)
    return sleeping.count_active(conn, user)
