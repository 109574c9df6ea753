"""What kind of answer a question wants, and whether a text can hold one of that kind. Pure; used by recall.

Rules over the words of English questions; one that is in another language for certain is a plain `fact` (`query`).
"""

import re
from enum import StrEnum


class Wanted(StrEnum):
    """The kind of answer that a question wants."""

    TIME = "time"
    AMOUNT = "amount"
    PLACE = "place"
    PERSON = "person"
    LIST = "list"
    ORDER = "order"
    COUNT = "count"
    PREFERENCE = "preference"
    HOW_TO = "how_to"
    CHAT = "chat"
    FACT = "fact"


# What ends in "s" and is no plural, or stands between "what" and a verb: "what is my job", "what did we discuss".
_OF_WHOM = r"(?:(?:the|my|our|your|his|her|their) )?"
_NO_NOUN = (
    r"(?!(?:is|was|are|were|am|be|does|do|did|has|have|had|will|would|can|could|should|might|must|happen\w*|this|his|hers"
    r"|its|us|as|i|we|you|he|she|they|of the)\b)"
)
_NO_STEADY = (
    r"(?!(?:other|single|time|(?:sun|mon|tues|wednes|thurs|fri|satur)?day|week\w*|month|year|morning|evening|night)\b)"
)
_MANY = rf"(?:{_NO_NOUN}\w+ ){{0,2}}?{_NO_NOUN}\w+(?<![su])s"

_RULES: tuple[tuple[Wanted, re.Pattern[str]], ...] = tuple(
    (wanted, re.compile(pattern, re.IGNORECASE))
    for wanted, pattern in (
        (Wanted.CHAT, r"\A\W*(?:hi|hello|hey|thanks?|thank you|good (?:morning|evening|night)|bye|ok(?:ay)?)\b\W*\Z"),
        (Wanted.ORDER, r"\b(?:in what order|which came first|chronolog\w+|sequence of|timeline)\b"),
        (Wanted.COUNT, r"\bhow many (?:times|different)\b|\bhow often\b|\bnumber of times\b"),
        (Wanted.TIME, r"\bwhen\b|\bwhat (?:date|day|month|year|time)\b|\bhow long\b|\bsince when\b"),
        (Wanted.AMOUNT, r"\bhow (?:many|much|old|far|big|tall|high|fast|heavy)\b|\bwhat (?:price|number|amount)\b"),
        (Wanted.PERSON, r"\bwho(?:m|se)?\b|\bname of\b|'s name\b"),
        (Wanted.PLACE, r"\bwhere\b|\bwhich (?:city|country|place|town|street|village)\b"),
        (Wanted.LIST, rf"\b(?:list|all) (?:of )?{_OF_WHOM}{_MANY}\b|\bevery {_NO_NOUN}{_NO_STEADY}\w+"),
        (Wanted.LIST, rf"\b(?:which|what)(?:'re|\u2019re| are| were)? {_OF_WHOM}{_MANY}\b"),
        (Wanted.PREFERENCE, r"\b(?:favou?rite|prefer\w*|like|likes|love|loves|hate|hates|enjoy\w*|dislike\w*)\b"),
        (Wanted.HOW_TO, r"\bhow (?:do|can|should|to|did|does)\b"),
    )
)

_NUMBER_WORDS = "two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozen|hundred|once|twice|couple|few|several"
_TIME = re.compile(
    r"\b(?:yesterday|today|tonight|tomorrow|last|next|ago|since|monday|tuesday|wednesday|thursday|friday|saturday"
    r"|sunday|january|february|march|april|june|july|august|september|october|november|december|weeks?|weekend|months?"
    r"|years?|20\d\d|19\d\d|recently|just)\b",
    re.IGNORECASE,
)
_AMOUNT = re.compile(rf"\d|\b(?:one|{_NUMBER_WORDS})\b", re.IGNORECASE)
_PLACE = re.compile(
    r"\b(?:in|at|to|from|near|around) (?:the )?[A-Z][a-z]+"
    r"|\b(?:park|beach|museum|cafe|restaurant|city|town|country|home|school|gym|studio|store|shop|lake|mountain|forest)\b"
)
_PERSON = re.compile(r"(?<=[a-z,;:] )[A-Z][a-z]+")
_HOLDERS = {
    Wanted.TIME: _TIME,
    Wanted.AMOUNT: _AMOUNT,
    Wanted.COUNT: _AMOUNT,
    Wanted.PLACE: _PLACE,
    Wanted.PERSON: _PERSON,
}


def wanted_by(question: str) -> Wanted:
    """The first kind whose words the question holds."""
    return next((wanted for wanted, pattern in _RULES if pattern.search(question)), Wanted.FACT)


def can_answer(text: str, wanted: Wanted) -> bool:
    """Whether the text holds a time, an amount, a place or a person, where that is what is wanted; else False."""
    holder = _HOLDERS.get(wanted)
    return holder is not None and holder.search(text) is not None
