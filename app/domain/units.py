"""Candidates of a recall: units (a turn or a memory with all that no question changes, worked out once), rows (a unit
and what this question found out about it), and all rows together. Made by `services/recall`, read by `signals`,
`columns` and `ranking`.
"""

import math
import re
import struct
import zlib
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple
from uuid import UUID

import numpy as np

from app.domain.alike import gist
from app.domain.asking import Wanted, can_answer
from app.domain.event import Event, Role
from app.domain.fusion import Evidence
from app.domain.granularity import NO_UNITS, Granularity
from app.domain.memory import Memory
from app.domain.normalise import normalise
from app.domain.pending import PendingScore
from app.domain.rendering import Line
from app.domain.secrets import mask
from app.domain.strength import code, since

NOTHING = Evidence()
FACTS = ("is_turn", "said", "asks", "echo", "length", "session", "place", "since", "stability", "uses", "type")

_ASKS = re.compile(r"\?[\s\"')\]]*\Z")
_PACKED = struct.Struct(f"={len(FACTS)}d")
_NONE = frozenset[str]()


@dataclass(frozen=True, slots=True)
class Terms:
    """The words of a candidate, and of a turn together with the turn before and after it, as the database holds them
    (`SparseVector.to_bytes`).
    """

    text: bytes | None
    window: bytes | None = None


NO_TERMS = Terms(None)


@dataclass(frozen=True, eq=False)
class Unit:
    """A turn or a memory, with what ranking and packing read of it. What costs time is worked out once, when it is
    first asked for.
    """

    id: UUID
    event: Event | None
    memory: Memory | None
    terms: Terms = NO_TERMS
    entities: frozenset[str] = _NONE  # of a memory, normalised

    @cached_property
    def text(self) -> str:
        """What it says."""
        return self.event.content if self.event else self.memory.text if self.memory else ""

    @cached_property
    def masked(self) -> str:
        """What it says, without secrets."""
        return mask(self.text)

    @cached_property
    def normal(self) -> str:
        """What it says, normalised, to tell whether two say the same."""
        return normalise(self.text)

    @cached_property
    def gist(self) -> tuple[str, ...]:
        """The words of it that count, to tell whether two say nearly the same."""
        return gist(self.normal)

    @property
    def about(self) -> Hashable:
        """Who said it; or whom a memory is about, and when."""
        if self.memory is None:
            return self.event.speaker if self.event else None
        return self.memory.subject, self.memory.event_time, self.memory.valid_from, self.memory.valid_to

    @cached_property
    def folded(self) -> str:
        """What it says in one case, to look for names."""
        return self.text.casefold()

    @cached_property
    def said(self) -> float:
        """When it was said, in epoch seconds."""
        thing = self.event or self.memory
        assert thing is not None  # noqa: S101 - a unit is one of the two
        return thing.occurred_at.timestamp()

    @cached_property
    def length(self) -> float:
        """The logarithm of a turn's number of words; 0 for a memory."""
        return math.log1p(len(self.event.content.split())) if self.event else 0.0

    @cached_property
    def facts(self) -> bytes:
        """What columns are made of, as doubles in the order of `FACTS`."""
        event, memory = self.event, self.memory
        return _PACKED.pack(
            float(event is not None),
            self.said,
            float(self.asks),
            float(self.echo),
            self.length,
            float(_session_number(event.session_id)) if event is not None else -1.0,
            float(event.place) if event is not None and event.place is not None else -1.0,
            self.since,
            memory.stability if memory else 1.0,
            memory.use_count if memory else 0.0,
            code(memory.type, memory.layer) if memory and not memory.frozen else -1.0,
        )

    @cached_property
    def sources(self) -> tuple[int, ...]:
        """The numbers of the turns that a memory rests on."""
        return tuple(source.event_id.int for source in self.memory.sources) if self.memory else ()

    @cached_property
    def asks(self) -> bool:
        """Whether it is a turn that ends in a question."""
        return self.event is not None and bool(_ASKS.search(self.event.content[-8:]))

    @cached_property
    def echo(self) -> bool:
        """Whether an assistant or a tool said it that has no name; with one it is a person of the conversation."""
        return self.event is not None and self.event.role is not Role.USER and not self.event.name

    @cached_property
    def words(self) -> frozenset[int]:
        """The term ids of its text."""
        return frozenset(np.frombuffer(self.text_ids, dtype="<u4").tolist())

    @cached_property
    def text_ids(self) -> bytes:
        """The term ids of its text as little-endian uint32."""
        return _ids(self.terms.text)

    @cached_property
    def window_ids(self) -> bytes:
        """The same of a turn with its neighbours."""
        return _ids(self.terms.window)

    @cached_property
    def since(self) -> float:
        """When a memory was recorded or last used, in epoch seconds: from then on it fades."""
        if self.memory is None:
            return self.said
        return since(self.memory).timestamp()

    @cached_property
    def lines(self) -> dict[Hashable, Line]:
        """Lines of a context that were made of it, by what they were made for."""
        return {}

    @cached_property
    def _held(self) -> dict[Wanted, bool]:
        return {}

    def holds(self, wanted: Wanted) -> bool:
        """Whether it holds a time, an amount, a place or a person, where that is what is wanted."""
        if wanted not in self._held:
            self._held[wanted] = can_answer(self.text, wanted)
        return self._held[wanted]


Link = tuple[UUID, UUID, float]  # two memories, and how strongly they are linked


class Row(NamedTuple):
    """One candidate: the unit and what this question found out about it."""

    unit: Unit
    evidence: Evidence = NOTHING
    pending: PendingScore | None = None


@dataclass(frozen=True, slots=True)
class Candidates:
    """What the index and PostgreSQL found for a question, turns first. `limit` is how long a list of the index may be;
    `place` is that of each row by the number of its unit's id (a UUID itself takes ten times as long to look up);
    `cites` are for each memory's row the rows of the turns among the candidates that it rests on, `cited` for each
    turn's row those of the memories that rest on it.
    """

    rows: Sequence[Row]
    limit: int = 100
    # Turns of statements that no longer hold, each with the memories and turns that say what holds instead.
    outdated: Mapping[UUID, frozenset[UUID]] = field(default_factory=dict)
    segments: Granularity = NO_UNITS
    scenes: Granularity = NO_UNITS
    links: Sequence[Link] = ()  # among the memories, where the policy weighs them
    place: dict[int, int] = field(init=False)
    cites: Sequence[Sequence[int]] = field(init=False)
    cited: Sequence[Sequence[int]] = field(init=False)

    def __post_init__(self) -> None:
        place = {row.unit.id.int: number for number, row in enumerate(self.rows)}
        cites: list[Sequence[int]] = [()] * len(self.rows)
        cited: list[Sequence[int]] = [()] * len(self.rows)
        for number, row in enumerate(self.rows):
            if row.unit.memory is not None:
                cites[number] = turns = [place[source] for source in row.unit.sources if source in place]
                for turn in turns:
                    cited[turn] = (*cited[turn], number)
        object.__setattr__(self, "place", place)
        object.__setattr__(self, "cites", cites)
        object.__setattr__(self, "cited", cited)

    def unit(self, id_: UUID) -> Unit | None:
        """The candidate of this id."""
        place = self.place.get(id_.int)
        return None if place is None else self.rows[place].unit


def _session_number(session_id: str) -> int:
    """32 bits of a session's id, to tell sessions of one user apart."""
    return zlib.crc32(session_id.encode())


def _ids(stored: bytes | None) -> bytes:
    """The first half of a stored sparse vector (`SparseVector.to_bytes`)."""
    return stored[: len(stored) // 2] if stored else b""


def turn_unit(event: Event, terms: Terms = NO_TERMS) -> Unit:
    """A turn."""
    return Unit(event.id, event, None, terms)


def memory_unit(memory: Memory, terms: Terms = NO_TERMS, entities: Iterable[str] = ()) -> Unit:
    """A memory."""
    return Unit(memory.id, None, memory, terms, frozenset(entities))
