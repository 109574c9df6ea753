"""A project's settings for the pipeline: one frozen model in sections, and the presets as data.

Read by every stage and by recall; stored whole by `storage/policies`, offered by `PUT /v1/policy`.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.domain.memory import MemoryType
from app.errors import FieldError, InvalidInputError

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Weight = Annotated[float, Field(ge=0.0, le=10.0)]
Days = Annotated[float, Field(ge=0.0, le=36_500.0)]


class Section(BaseModel):
    """Base of all sections: frozen, unknown fields refused, every field required."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class SegmentPolicy(Section):
    """Where a session is cut."""

    gap_minutes: Annotated[float, Field(gt=0.0, le=10_080.0)]
    drift_sigma: Annotated[float, Field(ge=0.0, le=10.0)]
    topic_drift: bool
    max_events: Annotated[int, Field(ge=1, le=256)]
    max_tokens: Annotated[int, Field(ge=16, le=8_192)]


class GatePolicy(Section):
    """Which turns skip extraction (they are stored and indexed all the same)."""

    enabled: bool
    min_words: Annotated[int, Field(ge=1, le=50)]
    max_words: Annotated[int, Field(ge=50, le=20_000)]


class ExtractPolicy(Section):
    """What becomes a candidate."""

    max_length: Annotated[int, Field(ge=40, le=2_000)]
    max_per_event: Annotated[int, Field(ge=1, le=50)]
    assistant_statements: bool
    min_confidence: Share
    context_events: Annotated[int, Field(ge=0, le=50)]


class DecidePolicy(Section):
    """How candidates meet memories. `add_only` switches superseding off."""

    add_only: bool
    same_cosine: Share
    link_cosine: Share
    max_neighbours: Annotated[int, Field(ge=0, le=100)]


class TauDays(Section):
    """Time constant of decay by memory type, in days; 0 means that the type does not decay."""

    fact: Days
    preference: Days
    episode: Days
    procedure: Days
    foresight: Days
    reflection: Days
    resource: Days
    secret: Days

    def of(self, type_: MemoryType) -> float:
        """The time constant of one type."""
        return float(getattr(self, type_.value))


class RetentionPolicy(Section):
    """R = exp(-dt / (tau * S)): ranks, never hides or deletes. `use_gain` is what one use adds to S."""

    enabled: bool
    tau_days: TauDays
    use_gain: Annotated[float, Field(ge=0.0, le=100.0)]


class ScenePolicy(Section):
    """How memories gather into scenes, and when a scene is hot."""

    enabled: bool
    cosine: Share
    gap_days: Days
    heat: Annotated[float, Field(ge=0.0, le=1_000.0)]


class BlockPolicy(Section):
    """Text that is always in context."""

    profile_lines: Annotated[int, Field(ge=0, le=200)]
    session_summary: bool


class RecallPolicy(Section):
    """Weights of the blend and shares of the budget. Signals are z-scored before they are weighed."""

    dense: Weight
    text: Weight
    window: Weight
    entity: Weight
    speaker: Weight
    time: Weight
    retention: Weight
    memory: Weight
    candidates: Annotated[int, Field(ge=10, le=1_000)]
    pending_ranked: Annotated[int, Field(ge=0, le=10_000)]
    tail_events: Annotated[int, Field(ge=0, le=50)]
    neighbour_share: Share
    memories_first: bool


class SecretPolicy(Section):
    """With the vault open, secrets may be kept as memories of type `secret`; closed, they are masked everywhere."""

    vault: bool


class Policy(Section):
    """The whole policy of a project."""

    segment: SegmentPolicy
    gate: GatePolicy
    extract: ExtractPolicy
    decide: DecidePolicy
    retention: RetentionPolicy
    scenes: ScenePolicy
    blocks: BlockPolicy
    recall: RecallPolicy
    secrets: SecretPolicy


class Preset(StrEnum):
    """Named sets of settings; `custom` marks a policy that was written whole."""

    DEFAULT = "default"
    MEM0 = "mem0"
    AMEM = "amem"
    MEMORYBANK = "memorybank"
    MEMORYOS = "memoryos"
    LIGHTMEM = "lightmem"
    SIMPLEMEM = "simplemem"
    EVERMEMOS = "evermemos"
    ENGRAM = "engram"
    MEMGAS = "memgas"
    CUSTOM = "custom"


# SPEC 6 for the pipeline. The recall weights are a hand blend of turns and windows, speaker and date, found with
# bench/locomo_offline.py; memories and entities are smaller signals.
_BASE: dict[str, Any] = {
    "segment": {"gap_minutes": 30.0, "drift_sigma": 1.0, "topic_drift": True, "max_events": 10, "max_tokens": 768},
    "gate": {"enabled": True, "min_words": 2, "max_words": 2_000},
    "extract": {
        "max_length": 240,
        "max_per_event": 12,
        "assistant_statements": False,
        "min_confidence": 0.5,
        "context_events": 6,
    },
    "decide": {"add_only": False, "same_cosine": 0.95, "link_cosine": 0.6, "max_neighbours": 10},
    "retention": {
        "enabled": True,
        "tau_days": {
            "fact": 30.0,
            "preference": 0.0,
            "episode": 7.0,
            "procedure": 0.0,
            "foresight": 7.0,
            "reflection": 30.0,
            "resource": 30.0,
            "secret": 0.0,
        },
        "use_gain": 1.0,
    },
    "scenes": {"enabled": True, "cosine": 0.65, "gap_days": 7.0, "heat": 5.0},
    "blocks": {"profile_lines": 25, "session_summary": True},
    "recall": {
        "dense": 1.0,
        "text": 0.5,
        "window": 0.75,
        "entity": 0.3,
        "speaker": 1.25,
        "time": 2.0,
        "retention": 0.1,
        "memory": 0.3,
        "candidates": 100,
        "pending_ranked": 1_000,
        "tail_events": 6,
        "neighbour_share": 0.3,
        "memories_first": False,
    },
    "secrets": {"vault": False},
}

# What makes each research system what it is, on top of the base (SEEDS.md).
_CHANGES: dict[Preset, dict[str, Any]] = {
    Preset.DEFAULT: {},
    Preset.MEM0: {"scenes": {"enabled": False}, "blocks": {"profile_lines": 0, "session_summary": False}},
    Preset.AMEM: {"decide": {"add_only": True, "link_cosine": 0.5}, "scenes": {"enabled": False}},
    Preset.MEMORYBANK: {"segment": {"gap_minutes": 720.0, "topic_drift": False, "max_events": 64, "max_tokens": 4_096}},
    Preset.MEMORYOS: {"segment": {"max_events": 7}, "scenes": {"cosine": 0.6}},
    Preset.LIGHTMEM: {"segment": {"max_tokens": 512, "max_events": 32}, "gate": {"min_words": 4}},
    Preset.SIMPLEMEM: {"segment": {"topic_drift": False}, "gate": {"min_words": 3}},
    Preset.EVERMEMOS: {"scenes": {"cosine": 0.7}, "recall": {"memory": 0.5}},
    Preset.ENGRAM: {"scenes": {"enabled": False}, "recall": {"memory": 0.6, "memories_first": True}},
    Preset.MEMGAS: {"scenes": {"enabled": True, "cosine": 0.6}, "recall": {"window": 1.2}},
}


def _merge(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`changes` over `base`, section by section."""
    merged = dict(base)
    for key, value in changes.items():
        below = merged.get(key)
        merged[key] = _merge(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return merged


def _known(base: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    """What of `stored` is a setting still."""
    return {
        key: _known(base[key], value) if isinstance(base[key], Mapping) and isinstance(value, Mapping) else value
        for key, value in stored.items()
        if key in base
    }


PRESETS: Mapping[Preset, Policy] = {
    preset: Policy.model_validate(_merge(_BASE, changes)) for preset, changes in _CHANGES.items()
}
DEFAULT = PRESETS[Preset.DEFAULT]


def preset_policy(name: str) -> Policy:
    """The policy of a preset; raises InvalidInputError for an unknown name and for `custom`, which names none."""
    known = {preset.value: policy for preset, policy in PRESETS.items()}
    if name not in known:
        detail = f"unknown preset; one of {', '.join(known)}"
        raise InvalidInputError(detail, errors=(FieldError("/preset", detail),))
    return known[name]


def parse_policy(body: Mapping[str, Any], *, pointer: str = "") -> Policy:
    """A policy written whole; raises InvalidInputError with one pointer for each refused field."""
    try:
        return Policy.model_validate(body)
    except ValidationError as error:
        fields = tuple(
            FieldError(pointer + "".join(f"/{part}" for part in e["loc"]), e["msg"], e["type"]) for e in error.errors()
        )
        raise InvalidInputError("the policy is not valid", errors=fields) from error


def load_policy(body: Mapping[str, Any]) -> Policy:
    """A stored policy. Settings that did not exist when it was written take their default, those that are gone go."""
    return parse_policy(_merge(_BASE, _known(_BASE, body)))
