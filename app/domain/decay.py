"""What a decay sweep does to one user's active memories, and why. Pure: the same memories at the same time give the
same steps, so a dry run lists exactly what the real run does. Nothing here deletes.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from app.domain import foresight
from app.domain.memory import Memory, MemoryStatus, MemoryType
from app.domain.policy import Policy
from app.domain.strength import LAYERS, Strength, fades, next_layer, since, strengths

# Who somebody is, in the attributes that extraction gives: said once, such a fact is not put away because nobody asked.
IDENTITY = frozenset({
    "name", "age", "birthday", "home", "relationship", "employer", "job", "allergy", "diet", "language", "child", "pet",
    "partner", "nationality",
})  # fmt: skip


class StepKind(StrEnum):
    ARCHIVE = "archive"
    EXPIRE = "expire"
    PROMOTE = "promote"
    DEMOTE = "demote"


class StepReason(StrEnum):
    EXPIRED = "expires_at"
    PLAN_OVER = "plan_over"
    FADED = "faded"
    CAP = "cap"
    IMPORTANCE = "importance"


@dataclass(frozen=True, slots=True)
class Kept:
    """An active memory and the number of events that it rests on."""

    memory: Memory
    sources: int


@dataclass(frozen=True, slots=True)
class Step:
    """One change, with the figures that led to it. `layer` is the new one."""

    memory_id: UUID
    kind: StepKind
    reason: StepReason
    detail: dict[str, float | int | str] = field(default_factory=dict)
    layer: int = 0


def steps(kept: Sequence[Kept], policy: Policy, now: datetime) -> list[Step]:
    """What the sweep does at `now`: expiries, and what has faded, then the weakest above the caps, then layers."""
    figures = strengths([one.memory for one in kept], policy.retention, now)
    stands = {one.memory.id: figure for one, figure in zip(kept, figures, strict=True)}
    found: list[Step] = []
    rest: list[Kept] = []
    for one in kept:
        step = _over(one, stands[one.memory.id], policy, now)
        if step is None:
            rest.append(one)
        else:
            found.append(step)
    found += _above_caps(rest, stands, policy)
    gone = {step.memory_id for step in found}
    if policy.retention.layers.enabled:
        layered = (_layered(one.memory, stands[one.memory.id], policy) for one in rest if one.memory.id not in gone)
        found += [step for step in layered if step is not None]
    return found


def is_exempt(kept: Kept) -> bool:
    """Whether a sweep leaves it active whatever its strength: frozen, secret, or who somebody is and said only once."""
    memory = kept.memory
    once = memory.attribute in IDENTITY and kept.sources <= 1
    return memory.frozen or memory.type is MemoryType.SECRET or once


def _over(one: Kept, stands: Strength, policy: Policy, now: datetime) -> Step | None:
    memory, settings = one.memory, policy.lifecycle
    if memory.status is not MemoryStatus.ACTIVE:
        return None
    if memory.expires_at is not None and memory.expires_at <= now:
        return Step(memory.id, StepKind.EXPIRE, StepReason.EXPIRED)
    if memory.frozen:
        return None
    past = now - timedelta(days=settings.foresight_days)
    who = memory.attribute in IDENTITY  # "my birthday is on 2 March" reads like a plan and is none
    if (
        not who and since(memory) <= past and foresight.is_over(memory, past)
    ):  # old plans of an imported history stay as long
        return Step(memory.id, StepKind.EXPIRE, StepReason.PLAN_OVER)
    little = stands.retention < settings.archive_below and stands.importance < settings.archive_importance
    if not little or is_exempt(one) or not fades(memory, policy.retention):
        return None
    return Step(memory.id, StepKind.ARCHIVE, StepReason.FADED, _figures(stands))


def _layered(memory: Memory, stands: Strength, policy: Policy) -> Step | None:
    if not fades(memory, policy.retention):
        return None
    layer = next_layer(memory.layer, stands.importance, policy.retention.layers)
    if layer == memory.layer:
        return None
    kind = StepKind.PROMOTE if layer > memory.layer else StepKind.DEMOTE
    detail = _figures(stands) | {"from": LAYERS[memory.layer], "to": LAYERS[layer]}
    return Step(memory.id, kind, StepReason.IMPORTANCE, detail, layer)


def _above_caps(kept: Sequence[Kept], stands: dict[UUID, Strength], policy: Policy) -> Iterator[Step]:
    """The weakest of each type until `fill` of its cap is left, so that a day's writes stay below the cap."""
    by_type: dict[MemoryType, list[Kept]] = defaultdict(list)
    for one in kept:
        by_type[one.memory.type].append(one)
    for type_ in MemoryType:
        cap = policy.lifecycle.caps.of(type_)
        too_many = len(by_type[type_]) - int(cap * policy.lifecycle.fill)
        if not cap or too_many <= 0:
            continue
        free = [one.memory for one in by_type[type_] if not is_exempt(one)]
        weakest = sorted(free, key=lambda memory: (stands[memory.id].strength, memory.created_at, memory.id))
        for memory in weakest[:too_many]:
            yield Step(memory.id, StepKind.ARCHIVE, StepReason.CAP, _figures(stands[memory.id]) | {"cap": cap})


def _figures(stands: Strength) -> dict[str, float | int | str]:
    return {
        "retention": round(stands.retention, 4),
        "importance": round(stands.importance, 4),
        "strength": round(stands.strength, 4),
    }
