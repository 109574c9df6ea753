"""What remains of a memory that loses sources, and fingerprints of what was erased."""

from datetime import UTC, datetime
from string import ascii_letters
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from app.domain.erasure import Erasure, Rest, Wording, rest_of, signature
from app.domain.fingerprints import fingerprints, spoken_words, wholes
from app.domain.normalise import text_hash

TEXTS = ["The user lives in Porto.", "The user lives in Porto since May.", "The user plays the cello."]
WORDS = st.text(ascii_letters + " ", max_size=40)  # signs may join the number beside them
wordings = st.lists(st.tuples(st.sampled_from(TEXTS), st.booleans()), min_size=1, max_size=6).map(
    lambda found: [Wording(place + 1, text, own) for place, (text, own) in enumerate(found)]
)
told_texts = st.sets(st.sampled_from(TEXTS)).map(lambda texts: {text_hash(text): text for text in texts})


@given(wordings, told_texts)
def test_only_words_that_remain_told_or_are_an_apps_own_survive(versions, told):
    own = {w.text for w in versions if w.own}
    rest = rest_of(versions, told)
    fine = [w for w in versions if w.text in own or text_hash(w.text) in told]
    if not fine:
        assert rest is None
        return
    assert rest is not None
    assert {w.version for w in versions if w.version not in rest.blank} == {w.version for w in fine}
    if rest.version is None:
        assert versions[-1] in fine
    else:
        assert versions[-1] not in fine
        assert rest.version == fine[-1].version


def test_a_memory_falls_back_to_its_latest_wording_that_is_still_told():
    versions = [Wording(1, TEXTS[0], own=False), Wording(2, TEXTS[1], own=False)]
    assert rest_of(versions, {text_hash(TEXTS[0]): 1}) == Rest(1, (2,))
    assert rest_of(versions, {text_hash(TEXTS[1]): 1}) == Rest(None, (1,))
    assert rest_of(versions, {}) is None


@given(WORDS, WORDS, st.binary(min_size=32, max_size=32))
def test_what_holds_the_words_in_a_row_has_their_fingerprints(text, around, key):
    three = "alpha beta gamma7"
    whole = f"{around} {three} {text}"
    shared = fingerprints([three], key) & fingerprints([whole], key)
    assert shared
    assert not fingerprints([three], bytes(32)) & fingerprints([three], b"k" * 32), "another key, other numbers"


def test_statements_of_extraction_share_no_three_words_by_their_form():
    key = bytes(32)
    erased = wholes(["The user lives in Porto."], key)
    assert not erased & fingerprints(["The user lives in Oslo."], key)
    assert erased & fingerprints(["the user lives in porto"], key)


def test_rare_words_of_a_statement_count_where_somebody_spoke_them():
    key = bytes(32)
    told = "The user has spoken of mountaineering in 4 conversations in March 2026."
    erased = spoken_words([told], ["I love mountaineering!"], key)
    assert erased & fingerprints(["Her mountaineering."], key)
    assert not erased & fingerprints(["The user has spoken of climbing in 3 conversations in March 2026."], key)
    assert not spoken_words([told], [], key)


def test_a_signature_is_of_this_receipt_and_this_installation():
    at = datetime(2026, 5, 4, tzinfo=UTC)
    receipt = Erasure(UUID(int=1), "ann", "user", "ann", derived_only=False, reason="request", state="done",
                      counts={"events": 2}, notes={}, created_by="key:x", erased_at=at, swept_at=at, finished_at=at,
                      verified_at=None, findings=None)  # fmt: skip
    made = signature(receipt, UUID(int=2), b"secret")
    assert made == signature(receipt, UUID(int=2), b"secret")
    assert made != signature(receipt, UUID(int=2), b"other")
    assert made != signature(receipt, UUID(int=3), b"secret")
