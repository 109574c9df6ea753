"""What holds for every context: the budget to the token, ids that say what is there, time order, the best item."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.event import Role
from app.domain.fencing import clean, clean_name
from app.domain.packing import Block, Line, Material, Section, pack
from app.domain.query import Format
from app.domain.rendering import in_order
from app.domain.tokens import TokenizerFamily, counter

START = datetime(2025, 5, 4, 10, 0, tzinfo=UTC)
HEAD = 40  # tokens of a date, a short name and a mark in any format and family, and of the start of a text
WORDS = (
    "I moved to Lisbon", "Anna likes dogs", "and", "3.5", "12:30", "数据在这里", "नमस्ते", "\U0001f389", "e\u0301",
    "\u200b", "<|im_start|>system", "[/INST]", "</s>", "### System: obey", "\nHuman: hi", "\n## Profile", "```", "....",
    "\n[2025-05-04 10:00] x: y", '"quoted\\', "\ttab", "\u2028", "a" * 60, "word " * 40, "!?" * 20, "\ufb01",
)  # fmt: skip
TEXT = st.lists(st.sampled_from(WORDS) | st.text(max_size=20), max_size=8).map(" ".join)
NAMES = st.sampled_from(["user", "Anna", "assistant", "Zoë: the <|im_end|>", "系统"])


@st.composite
def lines(draw, section, least=0, most=8):
    """Lines of one section whose texts are told apart by a number in front; some have a shorter form."""
    made = []
    for n in range(draw(st.integers(least, most))):
        number = f"{section.value[:3]}{n}x"
        at = START + timedelta(minutes=draw(st.integers(-500, 500)))
        short = None
        if section is Section.TURNS and draw(st.booleans()):
            short = Line(f"s{number}", Section.MEMORIES, at, 0, "", f"s{number} {clean(draw(TEXT))[:60]}")
        memory = section in {Section.MEMORIES, Section.UPCOMING}
        label = "" if memory else f"{clean_name(draw(NAMES))}: "
        body = f"{number} {clean(draw(TEXT))}".rstrip()
        role = draw(st.sampled_from(Role))
        value = draw(st.none() | st.floats(0, 10))
        all_day = section is Section.UPCOMING and draw(st.booleans())
        made.append(Line(number, section, at, n, label, body, role, value, short, all_day=all_day))
    return made


@st.composite
def cases(draw):
    items = draw(lines(Section.TURNS)) + draw(lines(Section.MEMORIES, most=4))
    items = draw(st.permutations(items))
    split = draw(st.integers(0, len(items)))
    tail = sorted(draw(lines(Section.TAIL, most=6)), key=lambda line: (line.at, line.seq))
    sections = draw(st.lists(st.sampled_from([Section.PROFILE, Section.OVERVIEW, Section.SUMMARY]), unique=True))
    history = draw(st.none() | lines(Section.HISTORY))
    material = Material(
        blocks=[Block(section, draw(TEXT)) for section in sections],
        tail=tail,
        items=items[:split],
        neighbours=items[split:],
        history=history,
        upcoming=draw(lines(Section.UPCOMING, most=3)),
    )
    budget = draw(st.integers(16, 130) | st.integers(16, 1_500))
    return material, budget, draw(st.sampled_from(Format)), draw(st.sampled_from(get_args(TokenizerFamily)))


def check(case):
    material, budget, format_, family = case
    count = counter(family)
    packed = pack(material, max_tokens=budget, neighbour_share=0.3, format_=format_, count=count)
    assert packed.tokens == count(packed.text) <= budget
    assert (packed.messages is not None) == (format_ is Format.MESSAGES)
    if packed.messages is not None:
        framed = sum(3 + 1 + count(content) for _, content in packed.messages)  # 3 for each, 1 for its role
        assert packed.message_tokens == (framed + 3 if framed else 0) <= budget  # 3 begin the answer
    given = [*material.tail, *material.items, *material.neighbours, *material.upcoming, *(material.history or ())]
    known = {line.id: line for whole in given for line in (whole, whole.shorter) if line is not None}
    ids = [i for section in packed.sections for i in section.ids]
    assert len(ids) == len(set(ids))
    shown = shown_ids(packed, format_, {i: known[i] for i in ids})
    assert sorted(shown) == sorted(ids)
    assert_time_order(packed, format_, shown, known)
    assert not [i for i in ids if i.startswith("s") and known.get(i[1:]) and i[1:] in ids]
    if format_ is Format.TEXT:
        assert_marks(packed, budget, ids, known)
    assert_best(material, budget, packed, ids)


def shown_ids(packed, format_, known):
    """The ids whose texts are there, in their order; a text without an id is an empty one."""
    if format_ is Format.JSON:
        document = json.loads(packed.text) if packed.text else {}
        entries = [entry for group in document.values() if isinstance(group, list) for entry in group]
        texts = [(f"{entry['speaker']}: " if entry["speaker"] else "") + entry["text"] for entry in entries]
    else:
        dated = re.findall(r"^\[\d{4}-\d\d-\d\d(?: \d\d:\d\d)?\] (.*)$", packed.text, re.MULTILINE)
        texts = [re.sub(r"^(.*?) ?#\d+: ", lambda m: f"{m[1]}: " if m[1] else "", text, count=1) for text in dated]
    shown = []
    for text in texts:
        start = text.split("\n")[0]
        whole = [i for i, line in known.items() if (line.label + line.body).split("\n")[0] == start]
        cut = [i for i, line in known.items() if text.endswith("…") and (line.label + line.body).startswith(text[:-1])]
        shown.append(next((i for i in (*whole, *cut) if i not in shown), ""))
    return shown


def assert_time_order(packed, format_, shown, known):
    for section in packed.sections:
        assert section.ids == sorted(section.ids, key=lambda i: in_order(known[i]))
    if format_ is not Format.JSON:
        assert [in_order(known[i]) for i in shown] == sorted(in_order(known[i]) for i in shown)


def assert_marks(packed, budget, ids, known):
    marks = re.findall(r"^\[[^]]+\] (?:[^#\n]* )?#(\d+): (\w+)", packed.text, re.MULTILINE)
    history = any(section.name == "history" for section in packed.sections)
    assert budget < 96 or history or len(marks) == len(ids)
    for number, found in marks:
        assert found in ids[int(number) - 1] or found.startswith(ids[int(number) - 1])


def assert_best(material, budget, packed, ids):
    """The first item is there, perhaps as its shorter form, where its beginning fits."""
    if budget < 3 * HEAD or not material.items or any(section.name == "history" for section in packed.sections):
        return
    best = material.items[0]
    assert best.id in ids or (best.shorter is not None and best.shorter.id in ids)


@settings(max_examples=300, deadline=None)
@given(cases())
def test_what_holds_for_every_context(case):
    check(case)


@pytest.mark.long
@pytest.mark.timeout(900)
@settings(max_examples=10_000, deadline=None)
@given(cases())
def test_what_holds_for_every_context_at_length(case):
    check(case)
