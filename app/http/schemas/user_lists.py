"""What is derived from a user's memories: blocks, entities, the timeline."""

from uuid import UUID

from app.domain.blocks import BlockKind
from app.domain.memory import MemoryType
from app.http.schemas.fields import AnswerModel, Moment
from app.http.schemas.recall import SourceAnswer


class BlockLineAnswer(AnswerModel):
    """One line with the memory that it states and the events behind it; `date` is the local date it speaks of."""

    text: str
    theme: str | None
    date: str
    memory_id: UUID
    sources: list[SourceAnswer]


class BlockAnswer(AnswerModel):
    """The profile of the user, the summary of a session or of the user, or that of a local day."""

    kind: BlockKind
    session_id: str | None
    day: str | None
    text: str
    lines: list[BlockLineAnswer]
    version: int
    updated_at: Moment


class BlockPage(AnswerModel):
    """Blocks, those of the whole user first."""

    items: list[BlockAnswer]
    next_cursor: str | None


class EntityAnswer(AnswerModel):
    """A named thing, and how many active memories name it."""

    id: UUID
    name: str
    kind: str
    aliases: list[str]
    memories: int


class EntityPage(AnswerModel):
    """Entities by name."""

    items: list[EntityAnswer]
    next_cursor: str | None


class TimelineItem(AnswerModel):
    """A memory at the local date that it speaks of."""

    date: str
    memory_id: UUID
    type: MemoryType
    text: str
    sources: list[SourceAnswer]


class TimelinePage(AnswerModel):
    """Active memories, the earliest first."""

    items: list[TimelineItem]
    next_cursor: str | None


class SceneAnswer(AnswerModel):
    """A cluster of memories. A scene with children has theirs; `summary` is the statement nearest to its middle."""

    id: UUID
    parent_id: UUID | None
    label: str
    keywords: list[str]
    summary: str
    heat: float
    memory_ids: list[UUID]
    first_at: Moment
    last_at: Moment
    version: int
    updated_at: Moment


class ScenePage(AnswerModel):
    """Scenes, the latest first."""

    items: list[SceneAnswer]
    next_cursor: str | None
