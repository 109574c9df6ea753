"""Memories gathered into scenes by a running mean, these split and joined, and gathered into wider ones above. Pure.

Scenes are computed over a user's active memories in order of time and id, so that the order of arrival does not matter:
making them anew gives the same scenes with the same ids.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

import numpy as np

from app.domain.lexical import STOP_WORDS
from app.domain.policy import ScenePolicy
from app.domain.scene_shape import Cluster, Shape, Vector, shaped
from app.domain.tidying import KeptMemory

DAY = 86_400.0  # seconds
KEYWORDS = 5
LABEL_WORDS = 3
NOMINATED = 16  # clusters that cosine nominates before shared words are counted: keeps a long history linear
WIDER = 0.15  # how much farther apart scenes may be that share a parent than memories that share a scene
_NAMESPACE = UUID("6d6e656d-6500-5000-8000-7363656e6573")
_WORD = re.compile(r"[^\W\d_][\w'-]{2,}")
_NOT_KEYWORDS = STOP_WORDS | {"user", "user's", "assistant", "will", "may"}


@dataclass(frozen=True, slots=True)
class Scene:
    """A cluster. `memories` are its own in order of time; a wider scene has none, it is the `parent_id` of others.

    `summary` is the text of `central`, the memory that is nearest to the centroid.
    """

    id: UUID
    parent_id: UUID | None
    label: str
    keywords: tuple[str, ...]
    summary: str
    central: UUID
    centroid: Vector
    visits: float
    first_at: datetime
    last_at: datetime
    memories: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class _Joining:
    """How near in meaning (and in shared words, where they weigh) and in seconds a row must be to join a cluster."""

    least: float
    gap: float
    word_overlap: float = 0.0


@dataclass(frozen=True, slots=True)
class _Told:
    """All memories of a run with their words, and in how many memories each word stands."""

    memories: Sequence[KeptMemory]
    words: Sequence[frozenset[str]]
    spread: Counter[str]


def scenes_of(memories: Sequence[KeptMemory], policy: ScenePolicy) -> list[Scene]:
    """The scenes of all memories that have a vector: wider ones first, then the others in order of time."""
    if not policy.enabled:
        return []
    ordered = sorted((m for m in memories if m.dense is not None), key=lambda m: (m.occurred_at, m.id))
    words = [words_of(memory.text) for memory in ordered]
    told = _Told(ordered, words, Counter(word for of_one in words for word in of_one))
    vectors = [memory.dense for memory in ordered if memory.dense is not None]
    times = [memory.occurred_at.timestamp() for memory in ordered]
    joining = _Joining(policy.cosine, policy.gap_days * DAY, policy.word_overlap)
    shape = Shape(policy.max_members, policy.merge_cosine, policy.gap_days * DAY)
    narrow = shaped(_gather(vectors, times, joining, words), vectors, times, shape)
    starts = [times[cluster.rows[0]] for cluster in narrow]
    wider = _Joining(max(0.0, policy.cosine - WIDER), math.inf)
    wide = _gather([cluster.centre for cluster in narrow], starts, wider)
    found: list[Scene] = []
    parent_of: dict[int, UUID] = {}
    for cluster in wide:
        if len(cluster.rows) > 1:
            rows = sorted(row for child in cluster.rows for row in narrow[child].rows)
            found.append(_scene(rows, told, None, own=False))
            parent_of |= dict.fromkeys(cluster.rows, found[-1].id)
    return found + [_scene(c.rows, told, parent_of.get(place), own=True) for place, c in enumerate(narrow)]


def heat(visits: float, memories: int, last_at: datetime, latest: datetime, policy: ScenePolicy) -> float:
    """Visits, size and recency. `latest` is the user's newest memory: heat does not cool while they say nothing."""
    days = max(0.0, (latest - last_at).total_seconds() / DAY)
    return visits + memories + math.exp(-days / max(policy.gap_days, 1e-3))


def hot(scenes: Sequence[Scene], policy: ScenePolicy) -> list[Scene]:
    """The scenes above the heat of the policy, the hottest first."""
    latest = max((scene.last_at for scene in scenes), default=None)
    if latest is None:
        return []
    warm = [(heat(s.visits, len(s.memories), s.last_at, latest, policy), s) for s in scenes if s.memories]
    return [s for h, s in sorted(warm, key=lambda pair: (-pair[0], pair[1].id)) if h > policy.heat]


def _gather(
    vectors: Sequence[Vector], times: Sequence[float], joining: _Joining, words: Sequence[frozenset[str]] = ()
) -> list[Cluster]:
    """Each row joins the nearest cluster that is near enough in meaning and time, or begins one. Times rise.

    Where shared words weigh, near is F = cosine + weight * Jaccard of the row's words and the cluster's (MemoryOS).
    """
    if not vectors:
        return []
    totals = np.zeros((len(vectors), len(vectors[0])), dtype=np.float32)
    norms = np.ones(len(vectors), dtype=np.float32)
    last = np.zeros(len(vectors))
    rows: list[list[int]] = []
    held: list[frozenset[str]] = []
    for row, (vector, at) in enumerate(zip(vectors, times, strict=True)):
        open_ = np.flatnonzero(at - last[: len(rows)] <= joining.gap)
        nearness = totals[open_] @ vector / norms[open_]
        if joining.word_overlap:
            best = np.argsort(-nearness, kind="stable")[:NOMINATED]
            shared = np.array([_jaccard(words[row], held[int(open_[n])]) for n in best], dtype=np.float32)
            open_, nearness = open_[best], nearness[best] + joining.word_overlap * shared
        place = int(np.argmax(nearness)) if len(open_) else -1
        if place >= 0 and nearness[place] > joining.least:
            chosen = int(open_[place])
            rows[chosen].append(row)
        else:
            chosen = len(rows)
            rows.append([row])
            held.append(frozenset())
        if joining.word_overlap:
            held[chosen] |= words[row]
        totals[chosen] += vector
        norms[chosen] = max(float(np.linalg.norm(totals[chosen])), 1e-9)
        last[chosen] = at
    return [Cluster(own, totals[place] / norms[place]) for place, own in enumerate(rows)]


def _scene(rows: Sequence[int], told: _Told, parent: UUID | None, *, own: bool) -> Scene:
    members = [told.memories[row] for row in rows]
    mean = np.mean(np.stack([m.dense for m in members if m.dense is not None]), axis=0)
    centroid = (mean / max(float(np.linalg.norm(mean)), 1e-9)).astype(np.float32)
    # Rounded, so that the order of addition cannot decide between two that are equally near.
    central = max(members, key=lambda m: (round(float(m.dense @ centroid), 4) if m.dense is not None else 0.0, m.id))
    counts = Counter(word for row in rows for word in told.words[row])
    scores = {word: n * math.log(1 + len(told.memories) / told.spread[word]) for word, n in counts.items()}
    keywords = tuple(sorted(scores, key=lambda word: (-round(scores[word], 6), word))[:KEYWORDS])
    return Scene(
        id=uuid5(_NAMESPACE, f"{'scene' if own else 'wide'} {members[0].id}"),
        parent_id=parent,
        label=", ".join(keywords[:LABEL_WORDS]),
        keywords=keywords,
        summary=central.text,
        central=central.id,
        centroid=centroid,
        visits=sum(m.use_count for m in members),
        first_at=members[0].occurred_at,
        last_at=max(m.occurred_at for m in members),
        memories=tuple(m.id for m in members) if own else (),
    )


def _jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / max(1, len(one | other))


def words_of(text: str) -> frozenset[str]:
    """The words of a text that can name a scene."""
    found = (match.group().casefold().removesuffix("'s") for match in _WORD.finditer(text))
    return frozenset(word for word in found if word not in _NOT_KEYWORDS)
