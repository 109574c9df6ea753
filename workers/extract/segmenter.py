"""Sessions into segments: consecutive turns about one matter. Deterministic and pure; called by the extract stage."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import numpy.typing as npt

from app.domain.event import Event
from app.domain.lexical import tokens
from app.domain.policy import Policy
from app.domain.secrets import mask
from app.domain.tokens import count_tokens

_TITLE_WORDS = 12  # a line in a list
_KEYWORDS = 8
_FEWEST_FOR_DRIFT = 4  # below that, mean and deviation of the drift say nothing


@dataclass(frozen=True, slots=True)
class SegmentPlan:
    """One segment to be: its turns in order, and what a list shows of it."""

    events: tuple[Event, ...]
    title: str
    keywords: tuple[str, ...]
    participants: tuple[str, ...]


def segment(events: Sequence[Event], vectors: npt.NDArray[np.float32], policy: Policy) -> list[SegmentPlan]:
    """Cut `events` (one session, in order of time; `vectors` has their unit rows) by gap, day, topic, and size.

    A new topic begins where a turn's distance to the running mean of its segment exceeds the session's mean distance by
    `drift_sigma` deviations.
    """
    if not events:
        return []
    rules = policy.segment
    gap = timedelta(minutes=rules.gap_minutes)
    drift = _drifts(events, vectors, gap)
    limit = float(np.mean(drift) + rules.drift_sigma * np.std(drift)) if len(drift) >= _FEWEST_FOR_DRIFT else np.inf
    segments: list[list[Event]] = []
    mean = np.zeros(vectors.shape[1] if vectors.ndim == 2 else 0, dtype=np.float32)
    size = 0
    for place, event in enumerate(events):
        cost = count_tokens(event.content)
        running = segments[-1] if segments else None
        cut = (
            running is None
            or event.occurred_at - running[-1].occurred_at > gap
            or (rules.by_day and event.occurred_at.date() != running[-1].occurred_at.date())
            or len(running) >= rules.max_events
            or size + cost > rules.max_tokens
            or (rules.topic_drift and len(running) > 1 and _distance(mean, vectors[place]) > limit)
        )
        if running is None or cut:
            running, size, mean = [], 0, np.zeros_like(mean)
            segments.append(running)
        running.append(event)
        size += cost
        mean += (vectors[place] - mean) / len(running)
    return [_plan(part) for part in segments]


def episode(
    statements: Sequence[str], vectors: Sequence[npt.NDArray[np.float32]], middle: npt.NDArray[np.float32], lines: int
) -> str:
    """What a segment was about: its `lines` statements that are nearest to the middle of its turns, in their order."""
    distances = [(round(_distance(middle, vector), 4), place) for place, vector in enumerate(vectors)]
    return " ".join(statements[place] for place in sorted(place for _, place in sorted(distances)[:lines]))


def _drifts(events: Sequence[Event], vectors: npt.NDArray[np.float32], gap: timedelta) -> npt.NDArray[np.float64]:
    """Distance of each turn to the running mean of those before it, starting anew after a gap."""
    found: list[float] = []
    mean, held = vectors[0].copy(), 1
    for place in range(1, len(events)):
        if events[place].occurred_at - events[place - 1].occurred_at > gap:
            mean, held = vectors[place].copy(), 1
            continue
        found.append(_distance(mean, vectors[place]))
        held += 1
        mean += (vectors[place] - mean) / held
    return np.asarray(found, dtype=np.float64)


def _distance(mean: npt.NDArray[np.float32], vector: npt.NDArray[np.float32]) -> float:
    norm = float(np.linalg.norm(mean)) * float(np.linalg.norm(vector))
    return 1.0 - float(mean @ vector) / norm if norm else 0.0


def _plan(events: list[Event]) -> SegmentPlan:
    counted: Counter[str] = Counter()
    for event in events:
        counted.update(token for token in tokens(mask(event.content)) if len(token) > 2)
    keywords = tuple(word for word, _ in sorted(counted.items(), key=lambda item: (-item[1], item[0]))[:_KEYWORDS])
    first = next((e for e in events if e.content.strip()), events[0])
    words = mask(first.content).split()
    title = " ".join(words[:_TITLE_WORDS]) + (" \u2026" if len(words) > _TITLE_WORDS else "")
    participants = tuple(dict.fromkeys(event.speaker for event in events))
    return SegmentPlan(tuple(events), title[:200], keywords, participants)
