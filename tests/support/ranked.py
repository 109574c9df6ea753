"""Candidates for tests of ranking: three turns with evidence for one question, and makers of more."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from app.domain.columns import Weights, columns_of
from app.domain.event import Event, EventState, Role
from app.domain.fusion import Evidence
from app.domain.lexical import query_vector
from app.domain.memory import Memory, MemoryStatus, MemoryType, Source
from app.domain.policy import DEFAULT
from app.domain.query import understand
from app.domain.ranking import Item, Table
from app.domain.units import NOTHING, Candidates, Row, memory_unit, turn_unit

NOW = datetime(2025, 6, 1, tzinfo=UTC)
WEIGHTS = Weights(DEFAULT.recall, DEFAULT.retention)
PLAN = understand("Where did Anna move?", {"Anna", "Ben"}, NOW)
WORDS = query_vector(PLAN.lexical)


def event(number, text, name="Anna", session="s1", state=EventState.PROCESSED):
    at = NOW - timedelta(days=30) + timedelta(minutes=number)
    id_ = UUID(int=number)
    return Event(id_, str(number), "u", session, None, Role.USER, name, text, at, {}, number, at, state)


def memory(number, text, *turns, **changes):
    sources = tuple(Source(t.id, t.client_id, t.session_id, t.occurred_at) for t in turns)
    at = turns[0].occurred_at if turns else NOW
    made = Memory(
        UUID(int=number), "u", "s1", None, MemoryType.FACT, text, "anna", None, None, MemoryStatus.ACTIVE, False, None,
        None, None, at, at, None, 0.5, 0.7, 1.0, 0, None, 1, None, {}, NOW, NOW, sources,
    )  # fmt: skip
    return replace(made, **changes)


def candidates(turns=(), memories=(), evidence=None, pending=None, entities=None, **more):
    evidence, pending, entities = evidence or {}, pending or {}, entities or {}
    units = [*map(turn_unit, turns), *(memory_unit(m, entities=entities.get(m.id, ())) for m in memories)]
    return Candidates([Row(u, evidence.get(u.id, NOTHING), pending.get(u.id)) for u in units], limit=100, **more)


def items(*given):
    """Items of the given (number, total, type), each of a memory of its own; a turn where the type is None."""
    units = [
        turn_unit(event(number, f"turn {number}"))
        if type_ is None
        else memory_unit(memory(number, f"memory {number}", type=type_))
        for number, _, type_ in given
    ]
    found = Candidates([Row(unit) for unit in units])
    columns, raw = columns_of(found, PLAN, WORDS, WEIGHTS, NOW)
    totals = [total for _, total, _ in given]
    table = Table(found, columns, raw, totals, PLAN)
    return [Item(total, (units[row].id,), row, row, table) for row, total in enumerate(totals)]


MOVED = event(1, "I moved to Lisbon last month, the flat is tiny")
OTHER = event(2, "The flat has a view of the river")
SMALL = event(3, "Good morning!")
EVIDENCE = {
    MOVED.id: Evidence(0.6, 5.0, 5.0),
    OTHER.id: Evidence(0.4, 2.0, 4.0),
    SMALL.id: Evidence(0.2, None, 1.0),
}
