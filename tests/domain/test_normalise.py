import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.domain.normalise import normal_key, normalise, text_hash


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The user lives in Porto.", "the user  lives in porto"),
        ("The user's cat is Bazyl!", "The user\u2019s cat is Bazyl"),
        ("\uff21nna moved", "anna moved"),
        ("a well-known place", "a well known place"),
        ("Stra\u00dfe", "STRASSE"),
        ("costs 20 \u20ac.", "costs 20\u20ac"),
        ("minus \u22125", "minus -5"),
        ("$ and % alone", "and alone"),
    ],
)
def test_texts_that_say_the_same_words_are_the_same(one, other):
    assert normalise(one) == normalise(other)
    assert text_hash(one) == text_hash(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("weighs 3.5 kg", "weighs 35 kg"),
        ("eyes at -7.5", "eyes at 7.5"),
        ("writes C++", "writes C"),
        ("costs $20", "costs \u20ac20"),
        ("costs $20", "costs 20"),
        ("owes -$20", "owes $20"),
        ("grew by 5 %", "grew by 5"),
        ("it is \u22125 outside", "it is 5 outside"),
        ("writes C#", "writes C"),
        ("tyre 185/65", "tyre 18565"),
        ("allergic to nuts", "not allergic to nuts"),
        ("on 3 May", "on 4 May"),
        ("\U0001f600", "\U0001f622"),
        ("at 9:15", "at 915"),
    ],
)
def test_texts_that_differ_in_meaning_stay_apart(one, other):
    assert text_hash(one) != text_hash(other)


@example("_+")
@example("5 $ 7")
@example("5 $-7 %5%")
@given(st.text() | st.text("5 7$\u20ac%-+.,x_'#", max_size=12))
def test_normalising_is_stable(text):
    assert normalise(normalise(text)) == normalise(text)


def test_keys_of_nothing_are_none():
    assert normal_key(None) is None
    assert normal_key(" .! ") is None
    assert normal_key("  Le Four d'Aline ") == "le four daline"


@given(st.text(st.characters(codec="ascii", exclude_characters="0123456789+#")))
def test_plain_text_takes_a_short_way_to_the_same(text):
    assert normalise(text + " 1") == f"{normalise(text)} 1".strip()
