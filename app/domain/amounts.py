"""Amounts that values state: one number, read exactly, with its unit. Pure; used by aggregation.

A value that states anything else (a name, a date, a time of day, a range, an estimate) is no amount: it is better left
out of a sum than guessed.
"""

import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal

LONGEST = 64  # characters of a figure: sums stay exact far inside the precision that `total` works with

_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
    " eighteen nineteen twenty"
)
NUMBER_WORDS = {word: number for number, word in enumerate(_WORDS.split())}
_SIGNS = "$\u20ac\xa3\xa5\u20b9\u20bd\u20a9"
_CODES = "usd|eur|gbp|jpy|chf|cad|aud|nzd|cny|inr|sek|nok|dkk|pln|czk|huf|brl|mxn|krw|zar|sgd|hkd|ils"
# A number that one of these follows is part of a larger one, of a date or of a time of day.
_NO_UNIT_TEXT = f"""
{_WORDS} thirty forty fifty sixty seventy eighty ninety hundred thousand million billion dozen k half quarter and or to
am pm oclock st nd rd th jan feb mar apr may jun jul aug sep sept oct nov dec january february march april june july
august september october november december
"""
_NO_UNIT = frozenset(_NO_UNIT_TEXT.split())

_VALUE = re.compile(
    rf"(?P<sign>[-+])?(?P<before>[{_SIGNS}]|(?:{_CODES})(?=[ \d]))? ?"
    rf"(?:(?P<figures>[0-9][0-9.,]*)|(?P<word>[a-z]+)\b)"
    rf" ?(?P<unit>(?:[^\W\d_]|[%\xb0{_SIGNS}])+[23]?(?:[ /][^\W\d_]+[23]?){{0,2}})?"
)
_PLAIN = re.compile(r"(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
_GROUPED = re.compile(r"[1-9][0-9]{0,2}(?:,[0-9]{3})+(?:\.[0-9]+)?")  # 1,200 and 1,200.50
_POINTED = re.compile(r"[1-9][0-9]{0,2}(?:(?:\.[0-9]{3})+,[0-9]+|(?:\.[0-9]{3}){2,})")  # 1.200,50 and 1.200.000
_COMMA = re.compile(r"(?:0|[1-9][0-9]*),[0-9]+")  # 28,5


@dataclass(frozen=True, slots=True)
class Amount:
    """A number and its unit as it was written, in lower case; None for a bare number."""

    number: Decimal
    unit: str | None = None


def read_amount(value: str) -> Amount | None:
    """The amount that a value states: "1,200.50 EUR", "28.5 ct", "$20", "3", "two cats"; None for anything else."""
    folded = unicodedata.normalize("NFKC", value).replace("\u2212", "-").casefold()
    match = _VALUE.fullmatch(" ".join(folded.split()).removesuffix("."))
    if match is None:
        return None
    after = match["unit"]
    if after is not None and re.split(r"[ /]", after)[0] in _NO_UNIT:
        return None
    number = _figures(match["figures"]) if match["figures"] else _word(match["word"])
    if number is None:
        return None
    unit = " ".join(part for part in (match["before"], after) if part)
    negative = match["sign"] == "-" and number != 0
    return Amount(number.copy_negate() if negative else number, unit or None)


def same_unit(unit: str | None) -> str | None:
    """What the spellings of one unit have in common: "hour" and "hours" are one, "m" and "ms" are two."""
    if unit is None or len(unit) < 4 or not unit.endswith("s") or unit.endswith(("ss", "us", "is")):
        return unit
    return unit[:-1]


def _figures(text: str) -> Decimal | None:
    """A number in figures. A single group after a comma is of thousands, after a point it is decimal."""
    if len(text) > LONGEST:
        return None
    if _PLAIN.fullmatch(text):
        return Decimal(text)
    if _GROUPED.fullmatch(text):
        return Decimal(text.replace(",", ""))
    if _POINTED.fullmatch(text):
        return Decimal(text.replace(".", "").replace(",", "."))
    if _COMMA.fullmatch(text):
        return Decimal(text.replace(",", "."))
    return None


def _word(text: str) -> Decimal | None:
    number = NUMBER_WORDS.get(text)
    return None if number is None else Decimal(number)
