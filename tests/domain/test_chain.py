"""The chain of the audit: whatever is changed in it is found, and an erasure is not."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from app.domain.chain import START, Digests, digests, fault, link

ENTRIES = st.lists(st.tuples(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32)), min_size=1, max_size=8)  # fmt: skip  # noqa: E501
PARTS = ("seq", "head", "body", "prev", "hash")


def chained(entries):
    made, prev = [], START
    for place, (head, body) in enumerate(entries, 1):
        made.append(link(place, Digests(head, body), prev))
        prev = made[-1].hash
    return made


def faults(seals, entries):
    before = [None, *seals]
    return [
        fault(seal, earlier, entry, may_be_redacted=False)
        for earlier, seal, entry in zip(before, seals, entries, strict=False)
    ]


@given(entries=ENTRIES)
def test_a_chain_that_nobody_touched_holds(entries):
    assert not any(faults(chained(entries), [Digests(*entry) for entry in entries]))


@given(entries=ENTRIES, place=st.integers(0, 7), part=st.sampled_from(PARTS))
def test_whatever_is_changed_in_a_seal_is_found(entries, place, part):
    seals = chained(entries)
    place %= len(seals)
    value = getattr(seals[place], part)
    forged = value + 1 if isinstance(value, int) else bytes(31 - i if i else value[0] ^ 1 for i in range(32))
    seals[place] = replace(seals[place], **{part: forged})
    assert any(faults(seals, [Digests(*entry) for entry in entries]))


@given(entries=ENTRIES, place=st.integers(0, 7))
def test_a_changed_entry_is_found_where_it_is(entries, place):
    seals = chained(entries)
    place %= len(seals)
    told = [Digests(*entry) for entry in entries]
    for forged in (replace(told[place], head=START), replace(told[place], body=START), replace(told[place], body=None)):
        if forged != told[place]:
            found = faults(seals, [*told[:place], forged, *told[place + 1 :]])
            assert [n for n, problem in enumerate(found) if problem] == [place]


@given(entries=ENTRIES.filter(lambda e: len(e) > 2), place=st.integers(0, 7))
def test_a_seal_that_is_taken_out_is_missed(entries, place):
    seals, told = chained(entries), [Digests(*entry) for entry in entries]
    place = place % (len(seals) - 1)  # the end is kept by whoever keeps the newest hash
    del seals[place], told[place]
    assert any(faults(seals, told))


def test_an_erased_entry_is_no_fault_and_tells_nothing():
    words, salt = {"text": "The user lives in Porto."}, b"s" * 16
    entry = digests({"at": "now"}, words, salt)
    seal = link(1, entry, START)
    redacted = digests({"at": "now"}, {"text": ""}, None)
    assert fault(seal, None, redacted, may_be_redacted=True) is None
    assert fault(seal, None, redacted, may_be_redacted=False) is not None
    assert digests({"at": "now"}, words, b"t" * 16).body != entry.body
    assert link(1, redacted, START).body == START
