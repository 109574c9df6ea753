"""Sections of the policy about strength: how memories fade and grow, and what a decay sweep puts away.

Formulas and sources are in docs/lifecycle.md; `strength` and `decay` compute with these settings.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from app.domain.memory import MemoryType
from app.domain.sections import Days, Section, Share

Cap = Annotated[int, Field(ge=0, le=1_000_000)]


class Curve(StrEnum):
    """How retention falls; both curves are at 1/e after tau * S days."""

    EXPONENTIAL = "exponential"
    POWER = "power"


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


class Curves(Section):
    """The curve of each type."""

    fact: Curve
    preference: Curve
    episode: Curve
    procedure: Curve
    foresight: Curve
    reflection: Curve
    resource: Curve
    secret: Curve

    def of(self, type_: MemoryType) -> Curve:
        """The curve of one type."""
        found: Curve = getattr(self, type_.value)
        return found


class LayerPolicy(Section):
    """One layer: its time constant instead of the type's, what a day leaves of importance, and from which importance
    on a memory goes up (above 1: never) or below which it goes down (0: never).
    """

    tau_days: Annotated[float, Field(gt=0.0, le=36_500.0)]
    importance_factor: Annotated[float, Field(gt=0.0, le=1.0)]
    promote_at: Annotated[float, Field(ge=0.0, le=2.0)]
    demote_below: Share


class LayersPolicy(Section):
    """Layered decay (FinMem), where it is `enabled`: only for types that fade at all."""

    enabled: bool
    short: LayerPolicy
    mid: LayerPolicy
    long: LayerPolicy

    @property
    def all(self) -> tuple[LayerPolicy, LayerPolicy, LayerPolicy]:
        """By the number of the layer."""
        return self.short, self.mid, self.long


class RetentionPolicy(Section):
    """How much of a memory is left. `use_gain` is what one use adds to S, `spacing` how much more one adds the further
    the memory had faded, `most_stability` the largest S. With `dated_as_episode` a fact without a key that tells what
    happened on a day fades as an episode does, for sweeps and in answers; ranking goes by the type.
    """

    enabled: bool
    tau_days: TauDays
    curve: Curves
    dated_as_episode: bool
    use_gain: Annotated[float, Field(ge=0.0, le=100.0)]
    spacing: Annotated[float, Field(ge=0.0, le=10.0)]
    most_stability: Annotated[float, Field(ge=1.0, le=10_000.0)]
    layers: LayersPolicy


class Caps(Section):
    """The most active memories of each type that one user has; 0 is no cap."""

    fact: Cap
    preference: Cap
    episode: Cap
    procedure: Cap
    foresight: Cap
    reflection: Cap
    resource: Cap
    secret: Cap

    def of(self, type_: MemoryType) -> int:
        """The cap of one type."""
        return int(getattr(self, type_.value))


class LifecyclePolicy(Section):
    """What a decay sweep does: archives what has faded below `archive_below` and is less important than
    `archive_importance`, and the weakest above `fill` of a cap; plans expire `foresight_days` after their last day.
    """

    enabled: bool
    archive_below: Share
    archive_importance: Share
    caps: Caps
    fill: Annotated[float, Field(gt=0.0, le=1.0)]
    foresight_days: Days
