"""What a third-person statement says as (subject, attribute, value), and its type. Used by the local extractor."""

import re
from dataclasses import dataclass

from app.domain.days import MONTHS
from app.domain.memory import MemoryType
from app.domain.normalise import normal_key
from app.domain.temporal_rules import Tense
from workers.extract.lexicon import GENERIC_NOUNS, JOBS, NAME_STOP, NOT_MEASURED, NOT_SWITCHED, PAST, PETS, SINGLE_NOUNS


@dataclass(frozen=True, slots=True)
class Key:
    """A normalised (subject, attribute, value); `single` if a subject has one value of the attribute at a time."""

    subject: str
    attribute: str
    value: str
    single: bool


_ADV = r"(?:(?:now|currently|just|also|actually|really|still|recently|finally|officially|already|only|mostly|both)\s+)*"
_CAPITAL = r"[A-Z\u00c0-\u024f][\w'\u00c0-\u024f-]"
_PLACE = rf"(?P<value>(?:the\s+)?{_CAPITAL}*(?:(?:,?\s+|\s+(?:of|de|la|am|upon)\s+){_CAPITAL}*)*)"
_NAME = rf"(?P<value>{_CAPITAL}+(?:\s+{_CAPITAL}+){{0,3}})"
_THING = (
    r"(?P<value>[^,;.!?]{2,60}?)"
    r"(?=$|[,;.!?]|\s+(?:because|since|but|so|although|though|when|while|if|for now|anymore)\b)"
)
_OWNED = (
    r"(?:car|van|bike|e-bike|motorbike|motorcycle|scooter|boat|truck|caravan|camper|phone|laptop|tablet|camera"
    r"|piano|guitar"
    r"|violin|house|flat|apartment|garden|allotment|telescope|drone|kayak|surfboard|cabin|tractor|printer)"
)
_PET = "|".join(sorted(PETS))

# (attribute, single-valued, pattern over what follows the subject), tried in order; the first that fits gives the key.
_RULES: tuple[tuple[str, bool, re.Pattern[str]], ...] = tuple(
    (attribute, single, re.compile(rf"^{_ADV}{pattern}"))
    for attribute, single, pattern in (
        ("name", True, rf"(?:is called|goes by|is named)\s+{_NAME}"),
        (
            "age",
            True,
            (
                r"(?:is|turned|just turned|will be|turns|is turning)\s+(?P<value>\d{1,3})(?:\s*(?:years?[ -]old|yo\b"
                r"|y/o\b|now\b|$|,| on | in ))"
            ),
        ),
        (
            "home",
            True,
            (
                rf"(?:lives?|is living|is based|resides?|has lived|settled(?: down)?)\s+(?:up |down |out |over "
                rf"|alone |now )*(?:in|near|outside|at)\s+{_PLACE}"
            ),
        ),
        (
            "home",
            True,
            rf"(?:moved|relocated|has moved)\s+(?:back |over |up |down |out |house )*(?:from [\w ]+ )?to\s+{_PLACE}",
        ),
        (
            "home",
            True,
            (
                r"(?!.{0,40}\b(?:look|search|hunt|view|dream|want|would|might|visit|sell|sold|sav|clean)).{0,60}?\b"
                rf"new\s+(?:flat|house|apartment|place|home|studio)\s+in\s+{_PLACE}"
            ),
        ),
        (
            "relationship",
            True,
            r"(?:is|got|is now|are)\s+(?P<value>married|engaged|divorced|single|separated|widowed)\b",
        ),
        (
            "employer",
            True,
            rf"(?:works?|is working|has worked|started(?: working)?|is employed)\s+(?:at|for|with)\s+{_PLACE}",
        ),
        (
            "job",
            True,
            (
                r"(?:works?|is working|has worked|trained|qualified)\s+as\s+(?:an?\s+"
                r"|the\s+)?(?P<value>[^,;.!?]{3,50}?)(?=$|[,;.!?]|\s+(?:at|in|for|with|since|from|on)\b)"
            ),
        ),
        (
            "allergy",
            False,
            rf"(?:is|are)\s+(?:not\s+|very\s+|badly\s+|severely\s+|highly\s+|deathly\s+)*allergic\s+to\s+{_THING}",
        ),
        ("allergy", False, r"has\s+(?:an?\s+)?(?:severe\s+|bad\s+)?(?P<value>[\w ]{2,30}?)\s+allergy"),
        (
            "diet",
            True,
            (
                r"(?:is|went|became|has been|has gone)\s+(?:now |mostly |strictly |a )*(?P<value>vegan|vegetarian"
                r"|pescatarian|celiac|coeliac|gluten[- ]free|lactose intolerant|keto|halal|kosher)\b"
            ),
        ),
        (
            "language",
            False,
            r"(?:speaks?|is fluent in)\s+(?:fluent |some |a little |good |native )*(?P<value>[A-Z]\w+)",
        ),
        (
            "likes",
            False,
            (
                rf"(?:really |absolutely )?(?:loves?|likes?|adores?|enjoys?|is a fan of|is into"
                rf"|is fond of)\s+(?!to know\b){_THING}"
            ),
        ),
        (
            "dislikes",
            False,
            (
                rf"(?:really |absolutely )?(?:hates?|dislikes?|detests?|loathes?|cannot stand|does not like"
                rf"|does not enjoy|does not eat|is not a fan of)\s+{_THING}"
            ),
        ),
        ("prefers", False, rf"(?:prefers?|would rather|would prefer)\s+{_THING}"),
        ("plays", False, rf"(?:plays?|collects?|practi[sc]es)\s+(?!with\b){_THING}"),
        (
            "pet",
            False,
            (
                rf"(?:has|got|adopted|owns|has got)\s+(?:an?|one|\d+|two"
                rf"|three)\s+(?:\w+\s+){{0,2}}(?:{_PET})s?\s*(?:,|named|called)?\s*(?P<value>[A-Z]\w+)"
            ),
        ),
        (
            "child",
            False,
            (
                r"(?:has|have)\s+(?:an?|one|\d+|two|three|four|five)\s+(?:\w+\s+){0,2}(?P<value>kids?|child(?:ren)?"
                r"|sons?|daughters?|twins?|bab(?:y|ies))\b"
            ),
        ),
        (
            "has",
            False,
            (
                rf"(?:has|has got|owns|bought|got|drives|rides|rents)\s+(?:an?"
                rf"|the)\s+(?:[\w-]+\s+){{0,2}}?(?P<value>{_OWNED})"
                r"(?=$|[,;.!?]|\s+(?:and|but|so|because|which|that|from|on|in|at|for|with|since|called|named)\b)"
            ),
        ),
        ("name", True, rf"is\s+{_NAME}(?=$|,|\.|\s+(?:and|from|by|here)\b)"),
    )
)
_JOB = re.compile(
    rf"^{_ADV}(?:is|became|has become|got promoted to|was promoted to|got a job as|starts as"
    rf"|started as)\s+(?:now\s+)?(?:(?:an?|the)\s+)?"
    r"(?P<value>(?:[\w&/-]+\s+){0,4}?[\w-]+)(?=$|[,;.!?(]|\s+(?:at|in|for|with|by|from|up|near|of|on|since|here)\b)"
)
_ATTRIBUTE_IS = re.compile(
    r"^(?P<owner>.+?)'s\s+(?P<noun>(?:favou?rite\s+)?[\w-]+(?:\s+(?!has\b"
    r"|have\b)[\w-]+)?)\s*(?:'s(?!\s+[\w-]+\s+(?:is|are"
    r"|was)\b)|\bis|\bare|\bwas"
    r"|\bwill be|\b(?:has |have )?(?:gone|went|rose|risen|goes|dropped|fell|increased|decreased|changed"
    r"|switched)(?: up| down)? to"
    r"|\bis (?:up|down) to|\bhas been)(?:\s+(?:now|called|currently|on|at|actually))*"
    r"\s+(?P<value>[^;.!?]{1,60}?)(?=$|[,;.!?]|\s+(?:and|but|so|because|which|who|since)\b)"
)
_MEASURED = re.compile(
    r"^(?:about |around |at |up to |[A-Z][a-z]{1,2}\.? "
    r"|[$\u20ac\u00a3])?\d[\d.,:]*\s?(?:[a-z%]{0,8})\b",
    re.IGNORECASE,
)
_NOW = re.compile(r",?\s+(?:now|these days|from now on|instead)\b")
SHORT_VALUE = 4  # words; a longer predicate says more than one value
_SUBJECT = re.compile(
    r"^(?P<subject>The user's (?:\w+[ -]){0,2}?(?P<relation>[\w-]+)(?: (?P<name>[A-Z][\w-]+))?|The user"
    r"|[A-Z][\w'-]*?(?:'s (?:\w+ )?[\w-]+(?: [A-Z][\w-]+)?)?)(?=\s)"
)
_NEGATION = re.compile(
    r"\b(?:not|never|no longer|no|cannot|hasn't|isn't|doesn't|won't|didn't|without|nobody|none|neither)\b|n't\b",
    re.IGNORECASE,
)
_PREFERENCE = re.compile(
    r"\b(?:loves|likes|hates|prefers|enjoys|adores|dislikes|detests|loathes|favou?rite|cannot stand|fan of|would"
    r" rather"
    r"|would never|does not (?:like|eat|enjoy|want)|wants (?:no|nothing)"
    r"|always wants|fond of|standing request|is (?:a )?(?:vegan"
    r"|vegetarian))\b",
    re.IGNORECASE,
)
_PLAN = re.compile(
    r"\b(?:will|going to|plans? to|planning|intends?|about to|hopes? to|hoping|aims?|expects?|booked|signed up"
    r"|scheduled|due|deadline"
    r"|appointment|upcoming|starts? (?:on|in)|is (?:flying|moving|getting|starting|leaving|visiting|having"
    r"|meeting|going|taking|travelling|traveling))\b",
    re.IGNORECASE,
)
_TURNS = re.compile(r"\bturns \d")
_STEPS = re.compile(
    r"\b(?:first|then|after that|step|steps|recipe|routine|procedure|workflow|whenever)\b.*\b(?:then|after|before"
    r"|next|finally|and)\b",
    re.IGNORECASE,
)
_HAPPENED = re.compile(
    rf"\b(?:{'|'.join(sorted(PAST - {'was', 'were', 'had', 'did', 'found', 'felt', 'thought', 'meant'}))}"
    rf"|[a-z]{{3,}}ed)\b"
)


def negated(text: str) -> bool:
    """Whether the statement denies something."""
    return _NEGATION.search(text) is not None


_SWITCHED = re.compile(
    rf"^(?P<owner>The user|[A-Z][\w'-]*(?: [\w-]+){{0,3}}?) {_ADV}(?:has |have )?(?:switched|changed|moved"
    rf"|swapped|updated|upgraded)"
    r" (?:over |up )?(?:the user's|their|his|her) (?P<noun>[\w-]+(?: [\w-]+)?) (?:from .{2,30} )?(?:to|for)"
    r" (?P<value>[^,;.!?]{1,40}?)"
    r"(?=$|[,;.!?]|\s+(?:because|since|but|so|in|on|from|last|as)\b)"
)


def key_of(text: str) -> Key | None:
    """The statement's key, if it says something about an attribute that people talk about."""
    switched = _SWITCHED.match(text)
    if switched:
        noun = normal_key(switched["noun"])
        value = normal_key(re.sub(r"^(?:an?|the)\s+", "", switched["value"]))
        owner = "user" if switched["owner"] == "The user" else normal_key(switched["owner"].removeprefix("The "))
        if noun and value and owner and noun not in NOT_SWITCHED:
            return Key(owner, noun.replace(" ", "_"), value, single=True)
    owned = _ATTRIBUTE_IS.match(text)
    if owned and not owned["value"].startswith(("not ", "a bit", "so ", "very ", "too ")):
        key = _owned_key(owned["owner"], owned["noun"].lower(), owned["value"])
        if key:
            return key
    found = _SUBJECT.match(text)
    if found is None:
        return None
    subject = _subject(found)
    rest = text[found.end() :].lstrip()
    for attribute, single, pattern in _RULES:
        match = pattern.match(rest)
        if match is None or (attribute == "name" and NAME_STOP.match(match["value"])):
            continue
        value = normal_key(re.sub(r"^(?:the|a|an|to|my)\s+", "", match["value"]))
        if value:
            return Key(subject, attribute, value, single and not negated(rest))
    job = _JOB.match(rest)
    title = re.sub(r"\s+(?:now|again|here|there)$", "", job["value"]) if job else ""
    if (
        title
        and title.rsplit(maxsplit=1)[-1].islower()
        and JOBS.fullmatch(title.rsplit(maxsplit=1)[-1])
        and not negated(rest)
    ):
        value = normal_key(title)
        return Key(subject, "job", value, single=True) if value else None
    return None


def _subject(found: re.Match[str]) -> str:
    text = found["subject"]
    if text == "The user":
        return "user"
    return normal_key(text.removeprefix("The ").replace("'s ", " ")) or text.lower()


def _owned_key(owner: str, noun: str, value: str) -> Key | None:
    subject = "user" if owner == "The user" else normal_key(owner.removeprefix("The ").replace("'s ", " "))
    content = normal_key(_NOW.sub("", re.sub(r"^(?:an?|the)\s+", "", value)))
    if not subject or not content or len(owner.split()) > 4 or owner.split(maxsplit=1)[0].endswith("ing"):
        return None
    if noun.startswith(("favourite ", "favorite ")):
        return Key(subject, f"favourite:{noun.split(' ', 1)[1]}", content, single=True)
    last = noun.rsplit(maxsplit=1)[-1]
    if last == "name" and noun != "name":
        return Key(f"{subject} {noun.split(maxsplit=1)[0]}", "name", content, single=True)
    if last in SINGLE_NOUNS or (_MEASURED.match(value) and not noun.endswith("s") and last not in NOT_MEASURED):
        return Key(subject, noun.replace(" ", "_"), content, single=True)
    changed = _NOW.search(value)
    if content and last not in GENERIC_NOUNS and len(content.split()) <= SHORT_VALUE and noun.isascii():
        return Key(subject, noun.replace(" ", "_"), content, single=changed is not None)
    return None


def type_of(text: str, *, tense: Tense | None, dated: bool, ahead: bool) -> MemoryType:
    """The memory type of a statement; `ahead` if its date lies after the day on which it was said."""
    if _PLAN.search(text) and (ahead or tense is Tense.FUTURE) and not (dated and not ahead):
        return MemoryType.FORESIGHT
    if ahead or (not dated and _TURNS.search(text)):
        return MemoryType.FORESIGHT
    if _PREFERENCE.search(text):
        return MemoryType.PREFERENCE
    if _STEPS.search(text):
        return MemoryType.PROCEDURE
    if _HAPPENED.search(text) and (dated or tense is Tense.PAST):
        return MemoryType.EPISODE
    return MemoryType.FACT


def entities_of(text: str) -> tuple[str, ...]:
    """Names in the statement: capitalised words that do not merely open it, joined where they follow each other."""
    found: dict[str, None] = {}
    for match in _PROPER.finditer(text):
        name = match.group().removesuffix("'s")
        if match.start() == 0 and name.split()[0] in {
            "The",
            "On",
            "In",
            "At",
            "Since",
            "From",
            "By",
            "Until",
            "Asked",
            "No",
            "Their",
        }:
            continue
        if name not in _MONTH_NAMES and len(name) > 1:
            found[name] = None
    return tuple(found)[:12]


_PROPER = re.compile(r"\b[A-Z\u00c0-\u024f][\w'\u00c0-\u024f&-]*(?:\s+[A-Z\u00c0-\u024f][\w'\u00c0-\u024f&-]*)*")
_MONTH_NAMES = frozenset({*MONTHS, "I"})
