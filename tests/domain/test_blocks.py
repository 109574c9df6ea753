from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np

from app.domain.blocks import (
    SUMMARY_LINES,
    BlockKey,
    BlockKind,
    ShownLine,
    Theme,
    block_lines,
    profile,
    render,
    session_summary,
)
from app.domain.dates import CalendarDate
from app.domain.memory import MemoryType
from app.domain.policy import PRESETS, Preset
from app.domain.tidying import KeptMemory

AT = datetime(2026, 3, 1, tzinfo=UTC)


def kept(number: int, text: str = "x", **fields) -> KeptMemory:
    memory = KeptMemory(
        id=UUID(int=number),
        type=MemoryType.FACT,
        text=text,
        attribute=None,
        occurred_at=AT + timedelta(days=number),
        valid_to=None,
        importance=0.5,
        confidence=0.7,
        stability=1.0,
        use_count=0.0,
        sessions=("s1",),
        entities=(),
        dense=None,
    )
    return replace(memory, **fields)


def test_a_profile_holds_stable_things_by_theme():
    memories = [
        kept(1, attribute="likes", type=MemoryType.PREFERENCE),
        kept(2, attribute="home"),
        kept(3, type=MemoryType.EPISODE),
        kept(4, type=MemoryType.FORESIGHT),
        kept(5, attribute="favourite:colour"),
    ]
    lines = profile(memories, 25)
    assert [(line.memory_id.int, line.theme) for line in lines] == [(2, Theme.HOME), (1, Theme.TASTE), (5, Theme.TASTE)]


def test_a_profile_keeps_the_weightiest_lines():
    memories = [kept(n) for n in range(1, 40)] + [kept(50, attribute="home"), kept(51, importance=0.9)]
    lines = profile(memories, 25)
    assert len(lines) == 25
    assert {50, 51} <= {line.memory_id.int for line in lines}
    assert profile(memories, 0) == []


def test_what_is_over_is_no_line():
    memories = [kept(1, attribute="home", valid_to=CalendarDate.parse("2026-03")), kept(60, attribute="job")]
    assert [line.memory_id.int for line in profile(memories, 25)] == [60]


def test_a_session_is_summed_up_by_what_is_central_in_order_of_time():
    centre, aside = np.array([1.0, 0.0], dtype=np.float32), np.array([0.0, 1.0], dtype=np.float32)
    memories = [kept(n, dense=centre) for n in range(1, SUMMARY_LINES + 1)] + [kept(99, dense=aside)]
    assert [line.memory_id.int for line in session_summary(memories[::-1])] == list(range(1, SUMMARY_LINES + 1))


def test_presets_without_blocks_have_none():
    memories = [kept(1, attribute="home")]
    default = block_lines(memories, PRESETS[Preset.DEFAULT].blocks)
    assert set(default) == {BlockKey("", BlockKind.PROFILE), BlockKey("s1", BlockKind.SUMMARY)}
    assert block_lines(memories, PRESETS[Preset.MEM0].blocks) == {}


def test_a_line_is_one_paragraph_with_its_date():
    lines = [
        ShownLine(UUID(int=1), "Home", "Anna lives\nin Ghent.", "2026-03"),
        ShownLine(UUID(int=2), "Home", "It is <|old|>.", "2026"),
    ]
    assert render(lines) == "Home:\n- Anna lives\n  in Ghent. (2026-03)\n- It is < |old| >. (2026)"
