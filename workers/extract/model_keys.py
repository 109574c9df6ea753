"""Subjects, attributes and values of a model in the form that the local extractor gives them, so that both agree."""

import re
from collections.abc import Mapping

from app.domain.normalise import normal_key

# Attributes that people talk about, and whether a subject has one value of them at a time. The local extractor uses the
# same names.
VOCABULARY: Mapping[str, bool] = {
    "name": True, "age": True, "birthday": True, "home": True, "hometown": True, "nationality": True,
    "relationship": True, "partner": True, "employer": True, "job": True, "height": True, "weight": True,
    "timezone": True, "diet": True, "favourite:": True, "allergy": False, "condition": False, "language": False,
    "likes": False, "dislikes": False, "prefers": False, "plays": False, "hobby": False, "pet": False, "child": False,
    "friend": False, "wish": False, "rule": False,
}  # fmt: skip

_OPENING = re.compile(r"^(?:the|a|an|my|their)\s+")
_SELF = frozenset({"the user", "user", "i", "me", "self", "speaker", "the speaker"})
_LONGEST = 120  # characters of a value: a key is compared, not read


def subject_key(subject: str | None, speaker: str | None) -> str | None:
    """`The user's sister Anna` -> `user sister anna`; the speaker's own words for themself -> their name or `user`."""
    if subject is None:
        return None
    low = " ".join(subject.replace("\u2019", "'").lower().split())
    own = normal_key(speaker) or "user"
    if low in _SELF:
        return own
    if speaker is not None and low.startswith(("user ", "user's ", "the user's ")):
        low = own + " " + low.split(" ", 2 if low.startswith("the ") else 1)[-1]
    return normal_key(_OPENING.sub("", low).replace("'s ", " "))


def attribute_key(attribute: str | None) -> str | None:
    """`Favorite:Colour` -> `favourite:colour`; words of the name are joined by `_`."""
    if attribute is None:
        return None
    kind, colon, rest = attribute.partition(":")
    name = (normal_key(kind.replace("_", " ")) or "").replace(" ", "_").replace("favorite", "favourite")
    if name.startswith("favourite_"):
        name, colon, rest = "favourite", ":", name.removeprefix("favourite_")
    tail = normal_key(rest.replace("_", " ")) if colon else None
    return (f"{name}:{tail}" if tail else name)[:_LONGEST] or None


def value_key(value: str | None) -> str | None:
    """The value without its article."""
    if value is None:
        return None
    key = normal_key(_OPENING.sub("", value.strip(), count=1))
    return key[:_LONGEST] if key else None


def is_single(attribute: str, proposed: bool) -> bool:
    """Whether a new value takes the place of the old: by the vocabulary where it knows, else as the model says."""
    known = VOCABULARY.get(attribute, VOCABULARY.get(attribute.partition(":")[0] + ":"))
    return proposed if known is None else known
