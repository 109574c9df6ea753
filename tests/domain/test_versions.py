"""Differences of versions, and what a rollback does about a memory."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from app.domain.memory import MemoryStatus
from app.domain.versions import FIELDS, Cause, Standing, StepKind, cause_of, differences, steps

AT = datetime(2026, 5, 4, tzinfo=UTC)
VALUES = st.dictionaries(st.sampled_from(FIELDS), st.sampled_from((None, True, False, "", "a", "b")))


def version(**fields):
    return dict.fromkeys(FIELDS) | {"text": "a", "status": "active", "frozen": False, "metadata": {}} | fields


@given(before=VALUES, after=VALUES)
def test_differences_lead_from_one_to_the_other(before, after):
    changed = {change.field: change.after for change in differences(before, after)}
    whole = {name: before.get(name) for name in FIELDS} | changed
    assert whole == {name: after.get(name) for name in FIELDS}
    assert [c.field for c in differences(before, after)] == [c.field for c in differences(after, before)]


@given(values=VALUES)
def test_nothing_differs_from_itself(values):
    assert differences(values, dict(values)) == ()


def test_the_first_version_shows_what_it_says():
    assert [c.field for c in differences(None, version(importance=0.5))] == ["text", "status", "importance"]


def test_the_cause_is_read_off_the_actor():
    job, candidate, event, other = (uuid4() for _ in range(4))
    assert cause_of(f"job:{job}", None, (), other) == Cause(None, (), job, other)
    assert cause_of("pipeline", candidate, [event], None) == Cause(candidate, (event,))
    assert cause_of("job:nightly", None, (), None) == Cause()


def standing(now=None, then=None, **fields):
    known = (
        {"then": then, "then_version": 1, "then_recorded_at": AT, "then_hash": then["text"].encode()} if then else {}
    )
    return Standing(uuid4(), 2, now or version(), fields.pop("private", False), **{**known, **fields})


def test_what_a_rollback_does():
    changed = standing(version(text="b"), version(text="a", status="superseded"))
    unknown, private = standing(), standing(version(status="archived"), version(), private=True)
    erased = standing(version(), version(text=""))
    one, two, three, four = steps([changed, unknown, private, erased])
    assert (one.kind, one.status, one.rewords, one.fields) == (StepKind.RESTORE, "superseded", True, ["text", "status"])
    assert (two.kind, two.status, two.rewords) == (StepKind.HIDE, "invalidated", False)
    assert (three.kind, three.status, three.rewords) == (StepKind.KEEP, "archived", False)
    assert (four.kind, four.reason, four.status) == (StepKind.KEEP, "erased", "active")


@given(texts=st.lists(st.sampled_from("abc"), max_size=6), ages=st.lists(st.integers(0, 9), min_size=6, max_size=6))
def test_no_two_become_active_with_one_text(texts, ages):
    known = [
        standing(version(status="superseded"), version(text=text), then_recorded_at=AT + timedelta(seconds=age))
        for text, age in zip(texts, ages, strict=False)
    ]
    done = steps(known)
    active = [step for step in done if step.status == MemoryStatus.ACTIVE]
    assert sorted(step.standing.then["text"] for step in active) == sorted(set(texts))
    for step in done:
        if step not in active:
            assert step.status == MemoryStatus.MERGED
    assert all(isinstance(step.standing.memory_id, UUID) for step in done)
