"""What a recall asks besides single turns and memories: segments and scenes, where the policy weighs them; and which
memories its policy leaves out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.domain.granularity import NO_UNITS, Granularity, asked
from app.domain.memory import Memory, MemoryType
from app.domain.policy import Policy
from app.domain.query import RecallQuery
from app.domain.sleep import is_derived
from app.domain.units import Unit
from app.services.recall_reads import Reader
from app.services.recall_search import Question
from app.storage import granularity

MOST_UNITS = 2_000  # of a user, the latest: 1.5 MB of vectors and about 3 ms


@dataclass(frozen=True, slots=True)
class Units:
    """Segments and scenes, and the members of the nearest ones."""

    segments: Granularity = NO_UNITS
    scenes: Granularity = NO_UNITS


def units(reader: Reader, query: RecallQuery, policy: Policy, question: Question, *, model: str) -> Units:
    """The units that the question is near to; none where they weigh nothing. Scenes are of the present: another point
    of view has none.
    """
    if not policy.recall.granularity or question.vector is None:
        return Units()
    conn = reader()
    segments = granularity.segments(conn, query.scope, model, limit=MOST_UNITS)
    elsewhere = query.narrowing.as_of is not None or query.narrowing.known_at is not None
    scenes = [] if elsewhere else granularity.scenes(conn, query.scope, model, limit=MOST_UNITS)
    return Units(asked(segments, question.vector), asked(scenes, question.vector))


def shown(found: Sequence[Unit], policy: Policy, query: RecallQuery) -> list[Unit]:
    """What may be an item: a reflection that sleep derived only where reflections are asked for, so that it never takes
    the place of what it rests on; with `current_foresight`, plans only while they are ahead.
    """
    kept = list(found)
    if MemoryType.REFLECTION not in query.narrowing.types:
        kept = [unit for unit in kept if unit.memory is None or not is_derived(unit.memory)]
    if not policy.recall.current_foresight:
        return kept
    return [unit for unit in kept if unit.memory is None or not _past(unit.memory, query.now)]


def _past(memory: Memory, now: datetime) -> bool:
    end = memory.valid_to or memory.event_time
    if memory.type is not MemoryType.FORESIGHT or end is None:
        return False
    return end.end(memory.occurred_at.utcoffset() or timedelta(0)) <= now
