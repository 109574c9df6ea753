"""What a memory carries beside its statement: keywords of its own, and the tags and context that linked memories give
it. Pure; computed over all memories and links of a user, so that the order in which they came does not matter.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from app.domain.blocks import theme_of
from app.domain.lexical import STOP_WORDS
from app.domain.memory import MemoryType
from app.domain.policy import NotePolicy
from app.domain.secrets import mask

TAGS = 6
CONTEXT_WORDS = 6  # one line beside the statement
_WORD = re.compile(r"[^\W\d_][\w'-]{2,}")
_PLAIN = STOP_WORDS | {
    "user",
    "user's",
    "assistant",
    "will",
    "may",
    "also",
    "now",
    "one",
    "every",
    "got",
    "went",
    "going",
}


@dataclass(frozen=True, slots=True)
class Note:
    """The keywords, tags and context of one memory."""

    keywords: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    context: str = ""


@dataclass(frozen=True, slots=True)
class NotedMemory:
    """An active memory with the note that it has. `version` is that of the row."""

    id: UUID
    version: int
    type: MemoryType
    text: str
    attribute: str | None
    entities: tuple[str, ...]
    note: Note


def memory_text(text: str, note: Note) -> str:
    """What a memory is found by: its statement, and what its note adds to that."""
    added = "; ".join(part for part in (", ".join(note.tags), note.context) if part)
    return f"{text} ({added})" if added else text


def notes_of(
    memories: Sequence[NotedMemory], links: Iterable[tuple[UUID, UUID]], policy: NotePolicy
) -> dict[UUID, Note]:
    """The note that each memory should have. Only the ends of a link learn from each other."""
    if not policy.keywords:
        return {memory.id: Note() for memory in memories}
    own = {memory.id: keywords(memory, policy.keywords) for memory in memories}
    themes = {memory.id: theme_of(memory.attribute, memory.type).value.casefold() for memory in memories}
    beside: dict[UUID, set[UUID]] = {memory.id: set() for memory in memories}
    for one, other in links if policy.evolve else ():
        if one in own and other in own and one != other:
            beside[one].add(other)
            beside[other].add(one)
    return {id_: _note(own[id_], themes[id_], [(own[n], themes[n]) for n in beside[id_]]) for id_ in own}


def changed(memories: Sequence[NotedMemory], wanted: Mapping[UUID, Note]) -> list[tuple[NotedMemory, Note]]:
    """The memories whose note is another one now, with it."""
    return [(memory, wanted[memory.id]) for memory in memories if memory.note != wanted[memory.id]]


def keywords(memory: NotedMemory, most: int) -> tuple[str, ...]:
    """Whom and what it names, then its other words that carry meaning, in their order."""
    text = mask(memory.text)
    said = [match.group().casefold().removesuffix("'s") for match in _WORD.finditer(text)]
    words = [word for word in said if word not in _PLAIN]
    named = [name.casefold() for name in memory.entities if name.casefold() in text.casefold()]
    parts = {part for name in named for part in name.split()}
    return tuple(dict.fromkeys([*named, *(word for word in words if word not in parts)]))[:most]


def _note(own: tuple[str, ...], theme: str, beside: Sequence[tuple[tuple[str, ...], str]]) -> Note:
    counts = Counter(word for words, _ in beside for word in set(words))
    themes = Counter(other for _, other in beside)
    shared = [word for word in own if counts[word]]
    tags = tuple(dict.fromkeys([theme, *shared, *_often(themes)]))[:TAGS]
    added = [word for word in _often(counts) if word not in own][:CONTEXT_WORDS]
    return Note(own, tags, ", ".join(added))


def _often(counts: Counter[str]) -> list[str]:
    return sorted(counts, key=lambda word: (-counts[word], word))
