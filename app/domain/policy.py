"""A project's settings for the pipeline: one frozen model in sections, and the presets, whose data is in `presets`.

Read by every stage and by recall; stored whole by `storage/policies`, offered by `PUT /v1/policy`. What each setting
means, and what each preset changes, is in docs/policy.md.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, ValidationError

from app.domain.policy_forgetting import ForgettingPolicy
from app.domain.policy_lifecycle import LifecyclePolicy, RetentionPolicy
from app.domain.policy_sleep import SleepPolicy
from app.domain.presets import BASE, CHANGES
from app.domain.scaling import Fusion
from app.domain.sections import Days, Seconds, Section, Share, Signed, Weight
from app.errors import FieldError, InvalidInputError


class SegmentPolicy(Section):
    """Where a session is cut. `by_day` also cuts at local midnight; `episode_lines` is how many statements tell what
    a segment was about.
    """

    gap_minutes: Annotated[float, Field(gt=0.0, le=10_080.0)]
    by_day: bool
    drift_sigma: Annotated[float, Field(ge=0.0, le=10.0)]
    topic_drift: bool
    max_events: Annotated[int, Field(ge=1, le=256)]
    max_tokens: Annotated[int, Field(ge=16, le=8_192)]
    episode_lines: Annotated[int, Field(ge=0, le=20)]


class GatePolicy(Section):
    """Which turns skip extraction (they are stored and indexed all the same). A segment with less news than `novelty`
    skips it whole.
    """

    enabled: bool
    min_words: Annotated[int, Field(ge=1, le=50)]
    max_words: Annotated[int, Field(ge=50, le=20_000)]
    novelty: Share


class ExtractPolicy(Section):
    """What becomes a candidate, and when a session is read: once `buffer_events` or `buffer_tokens` have gathered (0:
    no such condition), or it has been quiet for `buffer_seconds`.
    """

    max_length: Annotated[int, Field(ge=40, le=2_000)]
    max_per_event: Annotated[int, Field(ge=1, le=50)]
    assistant_statements: bool
    min_confidence: Share
    context_events: Annotated[int, Field(ge=0, le=50)]
    buffer_events: Annotated[int, Field(ge=0, le=256)]
    buffer_tokens: Annotated[int, Field(ge=0, le=8_192)]
    buffer_seconds: Seconds


class DecidePolicy(Section):
    """How candidates meet memories. `add_only` switches superseding off; `asleep` puts every decision off until the
    user has been quiet for `sleep_seconds`, and only adds until then.
    """

    add_only: bool
    asleep: bool
    sleep_seconds: Seconds
    same_cosine: Share
    link_cosine: Share
    max_neighbours: Annotated[int, Field(ge=0, le=100)]


class NotePolicy(Section):
    """What a memory carries beside its statement: `keywords` of its own (0: no notes), and with `evolve` the tags and
    the context that its linked memories give it.
    """

    keywords: Annotated[int, Field(ge=0, le=20)]
    evolve: bool


class ScenePolicy(Section):
    """How memories gather into scenes, and when a scene is hot. `word_overlap` weighs shared words beside cosine.

    A scene of more than `max_members` is split (0: never); two whose centroids are nearer than `merge_cosine` are one.
    """

    enabled: bool
    cosine: Share
    word_overlap: Weight
    gap_days: Days
    heat: Annotated[float, Field(ge=0.0, le=1_000.0)]
    max_members: Annotated[int, Field(ge=0, le=1_000)]
    merge_cosine: Share


class ProfileFrom(StrEnum):
    """Whose facts a profile may state: of all memories, of hot scenes, or of the lines of the days."""

    ALL = "all"
    HOT_SCENES = "hot_scenes"
    DAYS = "days"


class BlockPolicy(Section):
    """Text that is always in context (the summary of the user only with `user_summary`), and the summaries of days
    (`daily_lines` each, 0: none).
    """

    profile_lines: Annotated[int, Field(ge=0, le=200)]
    profile_from: ProfileFrom
    session_summary: bool
    user_summary: bool
    daily_lines: Annotated[int, Field(ge=0, le=50)]


class RecallPolicy(Section):
    """Weights of the blend and shares of the budget. `fusion` makes the signals comparable before they are weighed.

    `granularity` weighs the segment and the scene that a candidate belongs to. `type_candidates` searches each type of
    memory apart (0: together); `type_share` and `session_share` are the most of the items that one type and one session
    may take (1: no quota); plans of `foresight_days` ahead are in context (0: none); `rerank` is how many of the first
    a second model orders (0: none), in `rerank_seconds`. `rounds` is how often a thin answer is looked for again (0:
    never), none of them begun after `round_seconds`; `rewrite_seconds` is how long a model may take to put a question
    of mode `deep` in other words (0: none is asked).
    """

    dense: Signed
    text: Signed
    window: Signed
    memory: Signed
    told: Signed
    outdated: Signed
    following: Signed
    coverage: Signed
    around: Signed
    nearby: Signed
    session: Signed
    session_dense: Signed
    dense_with_words: Signed
    following_with_words: Signed
    speaker: Signed
    entity: Signed
    time: Signed
    near_time: Signed
    holds_time: Signed
    holds_amount: Signed
    holds_place: Signed
    holds_person: Signed
    question: Signed
    after_question: Signed
    answers: Signed
    echo: Signed
    length: Signed
    recency: Signed
    latest: Signed
    late: Signed
    retention: Signed
    granularity: Signed
    succession: Share
    linked: Signed
    pagerank: Share
    fusion: Fusion
    candidates: Annotated[int, Field(ge=10, le=1_000)]
    pending_ranked: Annotated[int, Field(ge=0, le=10_000)]
    tail_events: Annotated[int, Field(ge=0, le=50)]
    neighbour_share: Share
    memories_first: bool
    type_candidates: Annotated[int, Field(ge=0, le=200)]
    type_share: Annotated[float, Field(gt=0.0, le=1.0)]
    session_share: Annotated[float, Field(gt=0.0, le=1.0)]
    current_foresight: bool
    foresight_days: Annotated[int, Field(ge=0, le=366)]
    rerank: Annotated[int, Field(ge=0, le=100)]
    rerank_seconds: Annotated[float, Field(gt=0.0, le=5.0)]
    rounds: Annotated[int, Field(ge=0, le=3)]
    round_seconds: Annotated[float, Field(ge=0.0, le=10.0)]
    rewrite_seconds: Annotated[float, Field(ge=0.0, le=30.0)]


class SecretPolicy(Section):
    """With the vault open, secrets may be kept as memories of type `secret`; closed, they are masked everywhere."""

    vault: bool


class Policy(Section):
    """The whole policy of a project."""

    segment: SegmentPolicy
    gate: GatePolicy
    extract: ExtractPolicy
    decide: DecidePolicy
    notes: NotePolicy
    retention: RetentionPolicy
    lifecycle: LifecyclePolicy
    scenes: ScenePolicy
    blocks: BlockPolicy
    recall: RecallPolicy
    secrets: SecretPolicy
    sleep: SleepPolicy
    forgetting: ForgettingPolicy


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
    Preset(name): Policy.model_validate(_merge(BASE, changes)) for name, changes in CHANGES.items()
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
    return parse_policy(_merge(BASE, _known(BASE, body)))
