"""Text that is always in context for a user: which memories its lines are, and how the lines are written. Pure.

A block keeps the ids of memories, not their words: the words are read when the block is shown, so that a block never
states what is superseded or erased.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from uuid import UUID

import numpy as np

from app.domain.memory import MemoryType, Source
from app.domain.packing import Block, clean
from app.domain.policy import BlockPolicy, ProfileFrom
from app.domain.scenes import Scene
from app.domain.tidying import KeptMemory

HOT_LINES = 8  # of the user's summary: one for each of the hottest scenes
SUMMARY_LINES = 6  # of a session: about 90 tokens, the part of the default budget that a summary may take
KEYED = 0.5  # in the order of the profile a fact with an attribute stands above one without, at equal importance
REPEATED = 0.1  # each further time that it was said, up to three
MOST_REPEATED = 3.0


class BlockKind(StrEnum):
    PROFILE = "profile"
    SUMMARY = "summary"
    DAY = "day"


class Theme(StrEnum):
    """What a line of the profile is about, in the order in which they are shown."""

    IDENTITY = "Identity"
    HOME = "Home"
    WORK = "Work"
    PEOPLE = "People and pets"
    HEALTH = "Health and food"
    TASTE = "Likes and dislikes"
    SKILLS = "Skills"
    HABITS = "Habits"
    FACTS = "Other facts"


_THEMES: dict[Theme, tuple[str, ...]] = {
    Theme.IDENTITY: ("name", "age", "birthday", "relationship", "nationality", "pronouns", "religion", "gender"),
    Theme.HOME: ("home", "hometown", "origin", "address", "timezone"),
    Theme.WORK: ("job", "employer", "school", "study", "degree", "profession", "education"),
    Theme.PEOPLE: ("pet", "sister", "brother", "wife", "husband", "partner", "child", "son", "daughter", "friend"),
    Theme.HEALTH: ("allergy", "diet", "condition", "medication", "blood_type", "health"),
    Theme.TASTE: ("likes", "dislikes", "favourite", "preference", "hobby"),
    Theme.SKILLS: ("language", "skill", "instrument", "plays"),
    Theme.HABITS: ("routine", "habit", "schedule"),
}
_THEME_OF = {attribute: theme for theme, attributes in _THEMES.items() for attribute in attributes}
_STABLE = frozenset({MemoryType.FACT, MemoryType.PREFERENCE, MemoryType.PROCEDURE})
_BY_TYPE = {MemoryType.PREFERENCE: Theme.TASTE, MemoryType.PROCEDURE: Theme.HABITS}


@dataclass(frozen=True, slots=True)
class BlockKey:
    """Which block of a user; `session_id` is empty for those of the whole user, `day` is that of a daily summary."""

    session_id: str
    kind: BlockKind
    day: str = ""

    @property
    def name(self) -> str:
        """The kind with its day, as it is stored and ordered."""
        return f"{self.kind.value}:{self.day}" if self.day else self.kind.value

    @classmethod
    def of(cls, session_id: str, name: str) -> "BlockKey":
        """The inverse of `name`."""
        kind, _, day = name.partition(":")
        return cls(session_id, BlockKind(kind), day)


@dataclass(frozen=True, slots=True)
class BlockLine:
    """One line: a memory, and its theme in a profile (empty elsewhere)."""

    memory_id: UUID
    theme: str = ""


@dataclass(frozen=True, slots=True)
class ShownLine:
    """A line as it is read: the memory's words of now, the date that they speak of, and where they come from."""

    memory_id: UUID
    theme: str
    text: str
    date: str
    sources: tuple[Source, ...] = ()


@dataclass(frozen=True)
class ShownBlock:
    """A block with the lines whose memories are still active."""

    key: BlockKey
    version: int
    updated_at: datetime
    lines: tuple[ShownLine, ...]

    @cached_property
    def text(self) -> str:
        """The block as it stands in a context."""
        return render(self.lines)

    @cached_property
    def made(self) -> dict[Hashable, Block]:
        """What a context was given of it, by what it was made for."""
        return {}


def render(lines: Iterable[ShownLine]) -> str:
    """Each line with its date, those of a theme below its name."""
    parts: list[str] = []
    theme = ""
    for line in lines:
        if line.theme != theme:
            theme = line.theme
            parts.append(f"{theme}:")
        parts.append(f"- {clean(line.text)} ({line.date})")
    return "\n".join(parts)


def block_lines(
    memories: Sequence[KeptMemory], policy: BlockPolicy, hot: Sequence[Scene] = ()
) -> dict[BlockKey, list[BlockLine]]:
    """The profile of the user, the summaries of every session and of every day, and that of the user: what the hot
    scenes are about, or the latest days.
    """
    days = _by_day(memories) if policy.daily_lines else {}
    latest = [line for day in sorted(days)[-HOT_LINES:] for line in session_summary(days[day], 1)]
    found = {
        BlockKey("", BlockKind.PROFILE): profile(_stated(memories, policy, hot), policy.profile_lines),
        BlockKey("", BlockKind.SUMMARY): [BlockLine(s.central) for s in _earliest_first(hot[:HOT_LINES])] or latest,
    }
    for day, own in days.items():
        found[BlockKey("", BlockKind.DAY, day)] = session_summary(own, policy.daily_lines)
    if policy.session_summary:
        for session_id, own in _by_session(memories).items():
            found[BlockKey(session_id, BlockKind.SUMMARY)] = session_summary(own)
    return {key: lines for key, lines in found.items() if lines}


def profile(memories: Sequence[KeptMemory], limit: int) -> list[BlockLine]:
    """Stable facts and preferences, the weightiest `limit` of them, by theme; what is over is left out."""
    best = _weightiest(_stable(memories), limit)
    order = list(Theme)
    best.sort(key=lambda m: (order.index(_theme(m)), m.occurred_at, m.id))
    return [BlockLine(memory.id, _theme(memory).value) for memory in best]


def session_summary(memories: Sequence[KeptMemory], limit: int = SUMMARY_LINES) -> list[BlockLine]:
    """The most central and weighty statements of a session or a day, in order of time."""
    nearness = centrality(memories)
    best = sorted(memories, key=lambda m: (-(nearness[m.id] + m.importance), m.occurred_at, m.id))[:limit]
    return [BlockLine(memory.id) for memory in sorted(best, key=lambda m: (m.occurred_at, m.id))]


def centrality(memories: Sequence[KeptMemory]) -> Mapping[UUID, float]:
    """The cosine of each memory to the mean of all; 0 for one without a vector."""
    rows = [memory.dense for memory in memories if memory.dense is not None]
    if not rows:
        return dict.fromkeys((memory.id for memory in memories), 0.0)
    mean = np.mean(np.stack(rows), axis=0)
    mean /= max(float(np.linalg.norm(mean)), 1e-9)
    # Rounded, so that the order of addition cannot decide between two that are equally near.
    return {m.id: round(float(m.dense @ mean), 4) if m.dense is not None else 0.0 for m in memories}


def _earliest_first(scenes: Sequence[Scene]) -> list[Scene]:
    return sorted(scenes, key=lambda scene: (scene.first_at, scene.id))


def _weight(memory: KeptMemory) -> float:
    said = min(memory.stability - 1.0, MOST_REPEATED)
    return round(memory.importance + memory.confidence / 2 + REPEATED * said + KEYED * bool(memory.attribute), 4)


def theme_of(attribute: str | None, type_: MemoryType) -> Theme:
    """What a memory with this attribute, or of this type, is about."""
    key = (attribute or "").split(":")[0]
    known = _THEME_OF.get(key) or _THEME_OF.get(key.split("_")[0])
    return known or _BY_TYPE.get(type_, Theme.FACTS)


def _theme(memory: KeptMemory) -> Theme:
    return theme_of(memory.attribute, memory.type)


def _stable(memories: Sequence[KeptMemory]) -> list[KeptMemory]:
    """What stays true of somebody, and is not over by what they said last."""
    now = max((memory.occurred_at for memory in memories), default=None)
    return [
        memory
        for memory in memories
        if memory.type in _STABLE and not (now and memory.valid_to and memory.valid_to.end() <= now)
    ]


def _weightiest(memories: Sequence[KeptMemory], limit: int) -> list[KeptMemory]:
    return sorted(memories, key=lambda m: (-_weight(m), -m.occurred_at.timestamp(), m.id))[:limit]


def _stated(memories: Sequence[KeptMemory], policy: BlockPolicy, hot: Sequence[Scene]) -> list[KeptMemory]:
    """The memories whose facts the profile may state."""
    if policy.profile_from is ProfileFrom.HOT_SCENES:
        promoted = {memory for scene in hot for memory in scene.memories}
        return [memory for memory in memories if memory.id in promoted]
    if policy.profile_from is ProfileFrom.DAYS:
        days = _by_day(_stable(memories)).values()
        return [memory for own in days for memory in _weightiest(own, policy.daily_lines)]
    return list(memories)


def _by_day(memories: Sequence[KeptMemory]) -> dict[str, list[KeptMemory]]:
    """Memories by the local day on which they were said."""
    found: dict[str, list[KeptMemory]] = {}
    for memory in memories:
        found.setdefault(memory.occurred_at.date().isoformat(), []).append(memory)
    return found


def _by_session(memories: Sequence[KeptMemory]) -> dict[str, list[KeptMemory]]:
    found: dict[str, list[KeptMemory]] = {}
    for memory in memories:
        for session_id in memory.sessions:
            found.setdefault(session_id, []).append(memory)
    return found
