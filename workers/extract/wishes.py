"""How somebody wants to be answered, said without a signal word: "no intros", "metric please", "if it rains, skip the
run". For the local extractor.
"""

import re

from workers.extract import lexicon as words
from workers.extract.rewrite import Person
from workers.extract.sentences import Clause

# What an answer is made of; a wish about one of these is meant for all answers.
_STYLE = re.compile(
    r"\b(?:answers?|repl(?:y|ies)|responses?|intros?|introductions?|preambles?|outros?|summar(?:y|ies)|recaps?"
    r"|bullet(?:s| points?)?|lists?|emojis?|emoticons?|jargon|fluff|filler|small talk|pep talks?|compliments|praise"
    r"|apolog(?:y|ies)|apologising|apologizing|disclaimers?|caveats?|markdown|headings?|headers?|tables?|bold|italics"
    r"|exclamation (?:marks?|points?)|follow-up questions?|comments?|docstrings?|type hints?|snippets?|examples?"
    r"|analog(?:y|ies)|metaphors?|explanations?|puns?|sarcasm|slang|swearing|tone|formal|informal|casual|blunt|direct"
    r"|short|shorter|brief|concise|detailed|sentences?|paragraphs?|lines|steps|units|metric|imperial|celsius"
    r"|fahrenheit|kilomet(?:re|er)s|kilos?|grams|cups|ounces|euros?|dollars?|24[- ]hour|spelling|british|american"
    r"|english|german|french|spanish|language|font|links?|sources|citations|references|spoilers?|sign[- ]?offs?"
    r"|greetings?|first names?|surnames?|nicknames?|dear|regards)\b",
    re.IGNORECASE,
)
_NONE_OF = re.compile(
    r"^(?:no|nothing|zero)\s+(?!(?:problem|worries|idea|way|need|thanks|doubt|rush|luck|one|clue|comment$|kidding"
    r"|jokes?$"
    r"|pressure|chance|more than|matter|wonder|offen[cs]e|big|reason|news|sweat|longer|body|thing|sign of|pain"
    r"|new|change|change[sd]|much|to|but|else|special|happened|wrong|left)\b)[a-z]",
    re.IGNORECASE,
)
_ONE_OFF = re.compile(
    r"\b(?:this|that|these|those|above|below|attached|following|now|today|tonight|tomorrow|yesterday|for (?:him"
    r"|her|them)"
    r"|the (?:text|file|list|draft|bug|error|code))\b",
    re.IGNORECASE,
)
_MANNER = re.compile(
    r"^(?:please\s+|just\s+)?(?:call me [A-Z]"
    r"|(?:keep|make) (?:it|them|things|answers|replies|your (?:answers|replies)|everything|explanations)\s+[a-z]+"
    r"|speak [A-Z][a-z]+|(?:answer|reply|respond|speak|talk|write)(?: (?:to me|back|only))? (?:in|with|without"
    r"|like|briefly|formally)\b"
    r"|be (?:more |less |a bit |brutally |very )*(?:brief|short|blunt|honest|direct|concise|specific|gentle|formal"
    r"|informal|casual|strict|patient|kind)\b"
    r"|(?:don't|do not|never|stop|quit|no need to|avoid)\s+(?:ever\s+)?(?:call(?:ing)? me|us(?:e|ing)|giv(?:e|ing) me"
    r"|ask(?:ing)?(?: me)?|suggest(?:ing)?|tell(?:ing)? me|say(?:ing)?|put(?:ting)?|includ(?:e|ing)|add(?:ing)?"
    r"|recommend(?:ing)?|send(?:ing)?(?: me)?|apologi[sz](?:e|ing)|explain(?:ing)?|repeat(?:ing)?|start(?:ing)?"
    r"|end(?:ing)?|remind(?:ing)? me|sugar-?coat(?:ing)?|lectur(?:e|ing)|prais(?:e|ing)|flatter(?:ing)?)\b"
    r"|(?:use|skip|drop|avoid|stick to|leave out|cut|round|spell|format|start with|end with|sign off|address"
    r" me)\s+\w)",
    re.IGNORECASE,
)
_ACT = (
    r"(?:please |just |then |don't |do not |never |always )*"
    r"(?:skip|give|tell|use|remind|ask|suggest|keep|stop|call|send|show|add|warn|say|put|make|write|answer|reply|pick"
    r"|choose|include|leave|start|end|switch|offer|talk|speak|translate|explain|check|stay|stick|treat|swap|replace"
    r"|mention|bring|assume|be|avoid)"
)
_YOU_ACT = (
    r"you (?:should |can |may |must |always |just |only )*(?:say|tell|remind|warn|ask|give|stop|bring|keep"
    r"|mention|use"
    r"|skip|send|count|add|put|make|don't|never)"
)
_LIKING = (
    r"(?:I'm (?:happy|fine|ok|okay) with|I (?:only |always |usually |much )?(?:prefer|want|like|take|like to)"
    r"|I'd rather|don't you dare)"
)
_IF = re.compile(
    rf"^(?:if|when|whenever|every|each|unless)\b.{{4,120}}?(?:,|\band|\bthen|\s)\s*(?:{_ACT}|{_YOU_ACT}"
    rf"|{_LIKING})\b"
)
_FOR_YOU = re.compile(rf"^for .{{3,60}}? (?:{_YOU_ACT}|you write|you answer|you speak)\b")
_ACT_IF = re.compile(
    rf"^{_ACT}\b.{{4,120}}?\b(?:if|when|whenever|unless|before|every time)\s+(?:I|you|it|it's|there|the)\b"
)
_UNREAL = re.compile(
    r"\b(?:were|could|would|might|lottery|possible|possibly|you can|you know|you want|you like|you have time"
    r"|I had|I ever|I win|rich|get a chance|how (?:do|can|should))\b",
    re.IGNORECASE,
)
_PLEASE = re.compile(r"\s*,?\s*\b(?:please|pls|plz)\b", re.IGNORECASE)
_NOT_NOUNS = re.compile(
    r"^(?:I\b|I'|[Ww]e\b|[Ii]t\b|[Tt]hat|[Tt]his|[Yy]ou\b|[Hh]e\b|[Ss]he\b|[Tt]hey\b|[Mm]y\b|[Oo]ur\b|yes\b|no\b)"
)
_ALWAYS = re.compile(r"\b(?:always|never|from now(?: on)?|every time|any ?time)\b", re.IGNORECASE)
_STATED = re.compile(
    r"^(?:I\b|I'|[Ww]e\b|[Mm]y\b|[Oo]ur\b|[Tt]he|[Tt]hey|[Hh]e\b|[Ss]he\b|[Ii]t\b|[Tt]his|[Tt]hat|[Tt]here"
    r"|[Yy]ou\b|[Aa]n?\b)"
)
_NEVER_DID = re.compile(rf"^never (?:been|had|seen|gone|done|\w+ed|{'|'.join(sorted(words.PAST))})\b", re.IGNORECASE)
_OVER = re.compile(
    r"^(?P<more>(?!(?:all|it|this|that|what|how|i|we|he|she|they)\b)[\w' &-]{3,45}?)"
    r"\s+(?:over|rather than|instead of)\s+(?P<less>[\w' -]{3,40}?)"
    r"(?:,?\s+(?:any ?day|any ?time|always|every time|for me|all day))?$",
    re.IGNORECASE,
)
_HAS_VERB = re.compile(
    r"\b(?:is|was|are|were|am|has|have|had|went|got|fell|came|ran|flew|do|does|did|will|can|\w+ed|\w+ing)\b",
    re.IGNORECASE,
)
LONGEST_WISH = 30  # words


def standing_wish(  # noqa: PLR0911 - one return for each way
    clause: Clause, text: str, me: Person, *, asking: bool, alone: bool
) -> str | None:
    """A lasting instruction to the assistant, in words that stand for themselves.

    `asking`: the same message asks for something, so that "no fish" is a condition; `alone`: nobody else listens.
    """
    if not alone or len(text.split()) > LONGEST_WISH:
        return _durable(clause, text, me)
    if (_IF.match(text) or _FOR_YOU.match(text) or _ACT_IF.match(text)) and not _UNREAL.search(text):
        return _request(text, me)
    durable = _durable(clause, text, me)
    if durable is not None:
        return durable
    bare = _PLEASE.sub("", text).lstrip(" ,")
    if _NONE_OF.match(bare) and len(bare.split()) <= 12 and (_wished(clause, bare) or asking):
        return f"{me.opening} wants {bare[:1].lower()}{bare[1:]}"
    if _MANNER.match(bare) and not _ONE_OFF.search(bare) and not words.HYPOTHETICAL.search(bare):
        return _request(bare, me)
    if clause.polite and _STYLE.search(bare) and not _NOT_NOUNS.match(bare) and not _is_order(bare):
        return _request(bare, me)
    return None


def preferred(text: str) -> str | None:
    """A bare comparison as what it means: "tea over coffee" -> "I prefer tea over coffee"."""
    match = _OVER.match(re.sub(r"^[a-z]+-wise,? ", "", text))
    if match is None or _HAS_VERB.search(text) or _is_order(text) or any(c.isdigit() for c in text):
        return None
    return f"I prefer {match['more']} over {match['less']}"


def _wished(clause: Clause, text: str) -> bool:
    return clause.polite or bool(_STYLE.search(text)) or " unless " in text


def _request(text: str, me: Person) -> str:
    return f"{me.opening} has a standing request: {text[:1].lower() if not text.startswith('I') else 'I'}{text[1:]}"


def _durable(clause: Clause, text: str, me: Person) -> str | None:
    if not words.DURABLE.search(text) or told(text) or _STATED.match(text) or words.HYPOTHETICAL.search(text):
        return None
    if _is_order(text) or clause.polite or _ALWAYS.search(text):
        return f"{me.opening} has a standing request: {text}"
    return None


def told(text: str) -> bool:
    """Whether it tells what happened: "grew up in Leeds and never left"."""
    first = text.split(maxsplit=1)[0].lower()
    return first in words.PAST | words.DROPPED_PAST | {"been", "used"} or _NEVER_DID.match(text) is not None


def _is_order(text: str) -> bool:
    return text.split(maxsplit=1)[0].lower() in words.IMPERATIVE
