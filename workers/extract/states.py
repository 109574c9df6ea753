"""What is over and what is planned, as (subject, attribute, value). Used by the local extractor."""

import re

from app.domain.days import MONTHS
from app.domain.normalise import normal_key
from workers.extract.attributes import Key, key_of
from workers.extract.rewrite import present

_SUBJECT = r"^(?P<subject>The user|(?:The user's [\w -]{2,30}?|[A-Z][\w-]+))"
_MAYBE = r"(?:has |have |had |was |got |finally |just |also |recently |actually |already )*"
_NO_LONGER = re.compile(rf"{_SUBJECT} (?P<be>is |are |has |does )?no longer (?P<verb>[a-z]+)(?P<rest>.*)$")
_ANYMORE = re.compile(
    rf"{_SUBJECT} (?:(?P<be>is|was|has) not|does not (?P<verb>[a-z]+))\b(?P<rest>.*?),? (?:anymore|any more"
    rf"|any longer)\b"
)
_STOPPED = re.compile(
    rf"{_SUBJECT} {_MAYBE}(?:stopped|quit|quits|gave up|given up|is done with"
    rf"|finished with) (?P<verb>[a-z]+ing)\b(?P<rest>.*)$"
)
_LEFT_JOB = re.compile(
    rf"{_SUBJECT} {_MAYBE}(?:quit|quits|left|leaves|resigned from|lost|was fired from"
    rf"|was laid off from) (?:the user's |the |their )?"
    r"(?:(?P<job>job|work)\b(?: (?:at|with) (?P<at>[A-Z][\w &-]*))?|(?P<firm>[A-Z][\w&-]*))"
)
_FIRED = re.compile(rf"{_SUBJECT} {_MAYBE}(?:fired|laid off|made redundant|resigned|handed in)\b")
_BROKE_UP = re.compile(
    rf"{_SUBJECT}(?: and (?P<other>[A-Z][\w-]+|the user))? {_MAYBE}(?:broke up|broken up|split up|separated from"
    rf"|broke off)\b(?: with (?P<with>[A-Z][\w-]+))?"
)
_NOT_TOGETHER = re.compile(
    rf"{_SUBJECT}(?: and (?P<other>[A-Z][\w-]+|the user))? (?:aren't|isn't|are not|is not|are no longer|is no"
    rf" longer) "
    r"(?:together|a couple|an item|dating|seeing each other|engaged|married)\b(?: any ?more)?"
)
_GONE = re.compile(
    rf"{_SUBJECT} {_MAYBE}(?:sold|gave away|got rid of|returned|scrapped|crashed|totalled|totaled|donated|lost) "
    r"(?:the user's |the |their |an? )(?P<thing>(?:[\w-]+ ){0,2}?[\w-]+)(?=$|[.,;]| (?:on|in|to|for|at|after"
    r"|because|when|last|and)\b)"
)
_OFF = re.compile(
    rf"(?:{_SUBJECT} {_MAYBE}(?:cancelled|canceled|called off|scrapped|dropped) (?:the user's |the |their "
    rf"|an? )?(?P<matter>[\w -]{{3,40}}?)"
    r"(?=$|[.,;]| (?:on|in|because|after|until|and)\b)"
    r"|^The(?: user's)? (?P<matter2>[\w -]{3,40}?) (?:is|was|got|has been) (?:now )?(?:cancelled|canceled"
    r"|called off|off)\b)"
)
_NO_MORE = re.compile(rf"{_SUBJECT} (?:has|have) no (?P<thing>[a-z]+) (?:anymore|any more|any longer)\b")
_MATTERS = (
    r"dentist|doctor|gp|physio|therapist|vet|optician|haircut|hairdresser|check-?up|scan|surgery|operation"
    r"|appointment"
    r"|interview|exam|test|viewing|flight|train|ferry|wedding|party|trip|holiday|vacation|meeting|call|date"
    r"|lesson|class"
    r"|match|game|race|marathon|concert|gig|recital|talk|presentation|workshop|conference|dinner|lunch|brunch"
    r"|barbecue"
    r"|picnic|deadline|move|delivery|inspection|audition|hearing|visit|housewarming|baby shower|hen do|stag do"
)
_PLANNED = re.compile(
    rf"^(?P<owner>The user|[A-Z][\w-]+|The user's (?:[\w-]+ ){{0,2}}?)(?P<own>'s)?.{{0,60}}?"
    rf"\b(?P<matter>(?i:{_MATTERS}))\b"
    r"(?: appointment| check-?up)?(?P<more>(?: with (?:the user's [a-z]+ )?[A-Z][\w-]+)?(?: (?:to|in"
    r"|for) [A-Z][\w-]+)?)"
)
_OLD = r"(?:the user's |the |their |an? )?(?P<thing>(?:[\w.+-]+ ){0,2}?[\w.+-]+)"
_AFTER = r"(?=$|[,;]|\.(?!\d)| (?:on|in|for|at|after|as|because|when|last|and|so|now)\b)"
# What is finished every day, and what a pronoun stands for, is no state.
_OF_THE_DAY = frozenset(
    [
        "work",
        "school",
        "dinner",
        "lunch",
        "breakfast",
        "homework",
        "shift",
        "day",
        "week",
        "it",
        "that",
        "this",
        "them",
        "everything",
        "one",
        "call",
        "meeting",
    ]
)
# Another thing takes the place of one that was used, eaten, taken, learnt; or that is finished with.
_REPLACED = (
    re.compile(
        rf"{_SUBJECT} {_MAYBE}(?:switched|switches|moved|migrated|changed|upgraded|converted) (?:over |up )?from "
        rf"{_OLD} to\b"
    ),
    re.compile(
        rf"{_SUBJECT} {_MAYBE}(?:replaced|swapped|traded|exchanged|ditched|dropped) {_OLD} "
        r"(?:with|for|by|in favou?r of)\b"
    ),
    re.compile(rf"{_SUBJECT} {_MAYBE}(?:finished|completed|paid off|ditched|gave up|given up|came off) {_OLD}{_AFTER}"),
)
_JOIN = frozenset(["with", "to", "in", "for", "the", "appointment"])


def ended_state(text: str) -> Key | None:  # noqa: PLR0911 - one return for each way
    """The state that a third-person statement says is over; an empty value stands for any."""
    for pattern in (_NO_LONGER, _ANYMORE):
        match = pattern.match(text)
        if match:
            return _positive(
                match["subject"], match["be"], match["verb"] if "verb" in match.groupdict() else None, match["rest"]
            )
    match = _STOPPED.match(text)
    if match:
        return _of_gerund(match["subject"], match["verb"], match["rest"])
    match = _BROKE_UP.match(text) or _NOT_TOGETHER.match(text)
    if match:
        return Key(_subject(match["subject"]), "relationship", "", single=False)
    match = _LEFT_JOB.match(text)
    if match and (match["job"] or not re.match(r"The user's", match["subject"])):
        firm = match["at"] or match["firm"] or ""
        return Key(_subject(match["subject"]), "employer", normal_key(firm) or "", single=False)
    if match := _FIRED.match(text):
        return Key(_subject(match["subject"]), "employer", "", single=False)
    match = _GONE.match(text) or _NO_MORE.match(text)
    if match:
        return Key(_subject(match["subject"]), "has", normal_key(match["thing"].split()[-1]) or "", single=False)
    match = _OFF.match(text)
    if match:
        matter = _PLANNED.match(f"The user {match['matter'] or match['matter2']}")
        return Key("user", f"plan:{_matter(matter)}", "", single=False) if matter else None
    return None


def replaced_state(text: str) -> Key | None:
    """What a statement without a key says is done with, because something else came or it was finished."""
    for pattern in _REPLACED:
        if match := pattern.match(text):
            thing = normal_key(match["thing"])
            if thing is None or thing.split()[-1] in _OF_THE_DAY or re.fullmatch(r"[a-z]+ing", thing):
                return None
            return Key(_subject(match["subject"]), "does", thing, single=False)
    return None


def plan_of(text: str, when: str | None) -> Key | None:
    """The plan of a dated statement: its matter as the attribute, its day as the value."""
    match = _PLANNED.match(re.sub(r"\s*\([^)]*\)", "", text))
    if match is None or when is None:
        return None
    owner = match["owner"].strip()
    return Key("user" if owner.startswith("The user") else _subject(owner), f"plan:{_matter(match)}", when, single=True)


def _matter(match: re.Match[str]) -> str:
    extra = [w for w in (match["more"] or "").split() if w[0].isupper() and w not in MONTHS]
    return normal_key(" ".join([match["matter"], *sorted(extra)])) or "event"


def _subject(text: str) -> str:
    if text == "The user":
        return "user"
    return normal_key(text.removeprefix("The ").replace("'s ", " ")) or text.lower()


def _positive(subject: str, be: str | None, verb: str | None, rest: str) -> Key | None:
    """The key of the statement without its "no longer"."""
    be = (be or "").strip()
    if be in {"is", "are", "has", "was"}:
        return key_of(f"{subject} {be} {verb or ''}{rest}".replace("  ", " "))
    if verb is None:
        return None
    return key_of(f"{subject} {verb if verb.endswith('s') else present(verb)}{rest}") or _doing(subject, verb, rest)


def _doing(subject: str, verb: str, rest: str) -> Key | None:
    """The thing that is eaten ("no longer eats meat"), whatever was said of it."""
    rest = re.split(r"[,;]|\b(?:because|since|but|and|so)\b", rest, maxsplit=1)[0]
    thing = normal_key(re.sub(r"^(?:to\s+)?(?:(?:the|an?|any|his|her|their|the user's)\s+)?", "", rest.strip(" .")))
    if verb.rstrip("s") in {"eat", "drink", "smoke"} and thing:
        return Key(_subject(subject), "likes", thing, single=False)
    if thing and len(thing.split()) <= 3:  # more words are circumstances, which the state itself would not have
        return Key(_subject(subject), "does", thing, single=False)
    return None


def _of_gerund(subject: str, gerund: str, rest: str) -> Key | None:
    stem = gerund.removesuffix("ing")
    stems = [stem, f"{stem}e", stem[:-1] if len(stem) > 2 and stem[-1] == stem[-2] else stem]
    for base in stems:
        key = key_of(f"{subject} {present(base)}{rest}") or _doing(subject, base, rest)
        if key is not None:
            return key
    return None
