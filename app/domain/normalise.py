"""The form in which two texts count as the same, and its hash. For consolidation, direct writes and erasure."""

import hashlib
import re
import unicodedata

# Kept besides letters and digits: what changes a number ("3.5", "-7.5", "185/65", "$20", "5%") or a name ("C++", "C#").
_MONEY = "$\u20ac\xa3\xa5\u20b9\u20bd\u20a9"
_APART = re.compile(rf"(?<=\d)\s+(?=[{_MONEY}%](?!\s*[-+]?\d))")  # "20 \u20ac" is "20\u20ac"
_INSIDE_NUMBER = re.compile(r"(?<=\d)[.,:/-](?=\d)")
_SIGN = re.compile(rf"(?<![\w.])[-+](?=[{_MONEY}]?\d)")
_UNIT = re.compile(rf"[{_MONEY}](?=[\ue004\ue005]?\d)|(?<=\d)[{_MONEY}%]")
_AFTER_LETTER = re.compile(r"(?<=[^\W_])[+#]+(?!\w)")
_KEPT = {char: chr(0xE000 + place) for place, char in enumerate(f".,:/-+#%{_MONEY}")}
_BACK = {mark: char for char, mark in _KEPT.items()}
_APOSTROPHES = re.compile(r"['\u2019\u02bc]")
_OTHER = re.compile(r"[^\w\ue000-\ue00e]+|_")
_MARKS = re.compile("[\ue000-\ue00e]")
# Most of chat holds no digit and no sign that is kept: ASCII letters stay, all else is white space.
_SPECIAL = re.compile(r"[0-9+#]")
_LETTERS = {code: chr(code).lower() if chr(code).isalpha() else " " for code in range(128)} | {ord("'"): None}


def _keep(match: re.Match[str]) -> str:
    return "".join(_KEPT[char] for char in match.group())


def normalise(text: str) -> str:
    """Case, width, punctuation and white space levelled; letters, numbers and their signs stay distinct."""
    if text.isascii() and not _SPECIAL.search(text):
        return " ".join(text.translate(_LETTERS).split())  # the same as below, in a tenth of the time
    folded = unicodedata.normalize("NFKC", text).casefold()  # folding can undo the composition, so it is composed again
    text = _MARKS.sub(" ", unicodedata.normalize("NFKC", folded))
    text = _APART.sub("", _APOSTROPHES.sub("", text.replace("\u2212", "-")))
    for pattern in (_INSIDE_NUMBER, _SIGN, _UNIT, _AFTER_LETTER):
        text = pattern.sub(_keep, text)
    text = " ".join(_OTHER.sub(" ", text).split())
    return _MARKS.sub(lambda m: _BACK[m.group()], text)


def text_hash(text: str) -> bytes:
    """SHA-256 of the normalised text: equal for texts that say the same words. A text without any letter or digit
    (emoji, punctuation) is hashed as it is, so that such texts do not all collide.
    """
    return hashlib.sha256((normalise(text) or text.strip()).encode()).digest()


def normal_key(text: str | None) -> str | None:
    """A subject, attribute or value in the form in which keys are compared; None for nothing."""
    if text is None:
        return None
    return normalise(text) or None
