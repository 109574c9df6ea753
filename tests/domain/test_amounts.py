"""Amounts: what is read is exact, and what is no amount is left alone."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.amounts import LONGEST, NUMBER_WORDS, read_amount, same_unit
from app.domain.normalise import normalise


@pytest.mark.parametrize(
    ("value", "number", "unit"),
    [
        ("3", "3", None),
        ("0", "0", None),
        ("-0", "0", None),
        ("1,200.50 EUR", "1200.50", "eur"),
        ("28.5 ct", "28.5", "ct"),
        ("28,5 ct", "28.5", "ct"),
        ("1.200,50 EUR", "1200.50", "eur"),
        ("1.200.000", "1200000", None),
        ("1,200", "1200", None),
        ("1.200", "1.200", None),
        ("0,200 l", "0.200", "l"),
        ("-7.5", "-7.5", None),
        ("\u22125 \xb0C", "-5", "\xb0c"),
        ("+2", "2", None),
        ("$20", "20", "$"),
        ("20 \u20ac", "20", "\u20ac"),
        ("EUR 20", "20", "eur"),
        ("usd 1,200", "1200", "usd"),
        ("two", "2", None),
        ("Twenty", "20", None),
        ("two cats", "2", "cats"),
        ("5km", "5", "km"),
        ("90 km/h", "90", "km/h"),
        ("12 m\xb2", "12", "m2"),
        ("5 %", "5", "%"),
        ("\uff13\uff10 kg", "30", "kg"),
        ("9" * LONGEST, "9" * LONGEST, None),
    ],
)
def test_one_number_with_its_unit(value, number, unit):
    amount = read_amount(value)
    assert amount is not None
    assert (str(amount.number), amount.unit) == (number, unit)


@pytest.mark.parametrize(
    "value",
    [
        "", " ", "lisbon", "a lot", "about 20", "5-10 eur", "5 to 10", "5 or 6", "10:30", "10 am", "3 may",
        "25 December", "2025-05-04", "04/05/2025", "3rd", "2nd place", "twenty one", "two hundred", "1.5 million", "5k",
        "007", "00420", "1,20,3", "1,2.3.4", "1.2.3", "192.168.0.1", "1 200", "iphone 15", "room 12", "20 eur 30 ct",
        "3 may 2024", "1e5", "NaN", "inf", "\u0663", "--5", "5 5", "9" * (LONGEST + 1), "1_000", "0x10", "eur", "$",
        "two and a half",
    ],
)  # fmt: skip
def test_anything_else_is_no_amount(value):
    assert read_amount(value) is None


numbers = st.decimals(min_value=-(10**12), max_value=10**12, places=4, allow_nan=False, allow_infinity=False)
units = st.sampled_from(["", " kg", " eur", "km", " cups", " %"])


@given(numbers, units)
def test_a_plain_figure_is_read_exactly(number, unit):
    amount = read_amount(f"{number:f}{unit}")
    assert amount is not None
    assert amount.number == number
    assert amount.unit == (unit.strip() or None)


@given(numbers, units)
def test_groups_of_thousands_change_nothing(number, unit):
    assert read_amount(f"{number:,f}{unit}") == read_amount(f"{number:f}{unit}")


@given(st.integers(-(10**12), 10**12), st.sampled_from(["", " kg", " eur", " \u20ac", "$", " %"]))
def test_a_normalised_value_is_the_same_amount(number, unit):
    assert read_amount(normalise(f"{number:,}{unit.upper()}")) == read_amount(f"{number}{unit}")


@given(st.sampled_from(sorted(NUMBER_WORDS)))
def test_words_are_numbers(word):
    assert read_amount(f"{word.capitalize()} cups") == read_amount(f"{NUMBER_WORDS[word]} cups")


@given(st.text(max_size=80))
def test_no_text_breaks_it_and_every_amount_is_finite(text):
    amount = read_amount(text)
    assert amount is None or (isinstance(amount.number, Decimal) and amount.number.is_finite())


@pytest.mark.parametrize(("one", "other"), [("hours", "hour"), ("cats", "cats"), ("miles", "mile"), (None, None)])
def test_spellings_of_one_unit(one, other):
    assert same_unit(one) == same_unit(other)


@pytest.mark.parametrize(
    ("one", "other"), [("m", "ms"), ("g", "gs"), ("celsius", "celsiu"), ("eur", "usd"), ("g", None)]
)
def test_units_that_stay_apart(one, other):
    assert same_unit(one) != same_unit(other)
