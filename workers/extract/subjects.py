"""Whom a clause is about, said out loud: dropped subjects, pronouns and bare nouns. For the local extractor."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.domain.temporal import resolve
from workers.extract import lexicon as words
from workers.extract.followups import Said
from workers.extract.people import People, named_subject, own_family
from workers.extract.rewrite import ASSISTANT, Person

_FIRST = re.compile(r"\bI(?:'\w+)?\s+\w+|\b(?:[Mm]y|[Oo]ur)\b")
_OPENS_FIRST = re.compile(
    r"^(?:I\b|I'|[Ww]e\b|[Ww]e'|[Mm]y\b|[Oo]ur\b|[Mm]e and\b|[Bb]oth of us\b|(?:[Mm]ost|[Oo]ne|[Aa]ll"
    r"|[Ss]ome)(?: of)? my\b)"
)
_OPENS_VAGUE = re.compile(
    r"^(?:it|its|it's|this(?! (?:week|month|year|morning|afternoon|evening|weekend|spring|summer|autumn|fall"
    r"|winter|past"
    r"|coming|\w+day)\b)|that|that's|there|there's|these|those|they|they're|them|which|one|everyone|nobody|nothing"
    r"|everything|having|being|knowing|seeing|what|how|if|when|must|lucky|having)\b",
    re.IGNORECASE,
)
_PRONOUN = re.compile(r"^(?P<who>[Hh]e|[Ss]he|[Hh]is|[Hh]er|[Tt]hey|[Tt]heir)(?P<short>'s|'ll|'d|'re|'ve)?(?=\s)")
_VAGUE_THEY = re.compile(
    r"^(?:they(?:'re| are)?|their) (?:called|say|said|told|want(?:ed)? me|gave|fixed|charge|make|sell|just)\b"
)
_TRUSTED_SUBJECT = re.compile(
    r"^(?:the\s+)?(?P<who>vet|doctor|dr|gp|dentist|physio|therapist|surgeon|midwife|landlord|boss|trainer"
    r"|nutritionist"
    r"|dietitian|optician|cardiologist|specialist|lawyer|accountant)\s+"
    r"(?=says?|said|moved|put|changed|told|wants?|gave|thinks|prescribed|switched|confirmed|found|recommends?"
    r"|recommended)"
)
_HEALTH = re.compile(
    r"^(?:an? |the )?(?:[a-z0-9-]+ ){0,3}(?:fracture|sprain|diabetes|diabetic|asthma|migraines?|allergy"
    r"|intolerance|tinnitus"
    r"|arthritis|tendonitis|hernia|concussion|infection|anemia|anaemia|eczema|hay ?fever|insomnia|adhd|vertigo"
    r"|sciatica)\b"
    r"(?!.*\b(?:is|was|are|can|does)\b)",
    re.IGNORECASE,
)
_COUNTED = re.compile(r"^(?!an? |the |\d)(?:[a-z-]+ ){0,3}(?:fracture|sprain|hernia|concussion)\b")
_HEDGE = re.compile(
    r"^(?:just|finally|already|recently|still|also|only|now|currently|mostly)\s+(?=[a-z])", re.IGNORECASE
)
_LIKES = re.compile(
    r"^(?:(?:absolutely |really |honestly )?(?:love|hate|prefer|adore|dislike|detest|loathe|enjoy|live|drink"
    r"|drive|own)\s+"
    r"(?!(?:it|that|this|you|your|these|those|how|to (?:know|hear|see))\b)\w"
    r"|(?:can't stand|cannot stand|don't (?:like|eat|drink|drive|do|want|own|speak))\s+(?!(?:it|that|this)\b)\w)"
)
_FAN = re.compile(
    r"^(?:not (?:a|much of a|really a|the biggest)|(?:a )?(?:big|huge|massive)|more of an?)\s+[\w -]{0,30}?(?:fan"
    r"|person|eater|drinker|guy|girl|lover)\b"
)
_LABEL = re.compile(
    r"^(?:the |my )?(?P<label>[a-z][\w-]*(?: (?!for\b|from\b|is\b"
    r"|to\b)[\w-]+){0,3}(?: for [a-z]+)?):\s+(?P<value>\S+\s+\S.*)$"
)
_ROUTINE = re.compile(
    r"^(?!no\b|not\b)(?P<what>[a-z][\w -]{2,30}?),?\s+(?:once|twice|(?:three|four|five|\d+) times|\dx"
    r"|every (?:other )?(?:day|week|month|year"
    r"|morning|evening|night|\w+day)|on \w+days|(?:mon|tues|wednes|thurs|fri|satur|sun)days)\b"
)
_HAS_VERB = re.compile(r"\b(?:is|are|was|were|has|have|do|does|go|goes|\w+ed|you|I|it|they|he|she|we)\b")
# A word of judgement about a thing that nobody said is theirs.
_OPINION = re.compile(
    r"(?:so |too |very |really |pretty |quite |a bit )*(?:expensive|cheap|great|good|bad|nice|awful|weird|hard"
    r"|easy|cute|lovely"
    r"|terrible|amazing|fun|boring|beautiful|ugly|crazy|insane|annoying|worth|fine|ok|okay|perfect|cool|rude"
    r"|silly)(?: .{0,12})?"
)
_FIGURE = re.compile(
    r"^(?!(?:is|are|does|do|can|should|did|was|will|how|what|per|version"
    r"|error)\b).*\d",
    re.IGNORECASE,
)
_ABOUT_IT = re.compile(
    r"^[Ii]t(?P<verb>'s| is| has| cost| costs| weighs| runs on| needs)\s+(?P<rest>(?:an? (?:\d|[A-Z]|old|new"
    r"|used)|called|named|from|\d|[A-Z]).*)$"
)
_ROLE_NOW = re.compile(r"^(?P<role>[a-z][\w -]{3,30}?) (?:now|these days|by trade)$")
_NOUN = re.compile(
    r"^(?:the\s+)?(?P<noun>[a-z][\w-]*(?:\s+[a-z][\w-]*)?(?:\s+(?:at|of|for|in|with)\s+(?:the\s+)?\w+)?)"
    r"(?P<verb>'s|\s+is|\s+was|\s+runs?|\s+ends?|\s+starts?|\s+lasts?|\s+gets?|\s+goes|\s+has|\s+needs"
    r"|\s+stays?|\s+costs?|\s+hurts?|\s+arrives?|\s+eats|\s+sleeps|\s+likes|\s+expires?|\s+opens|\s+closes|\s+moved"
    r"|\s+changed|\s+finishes|\s+due|\s+died|\s+broke)\s+(?=\S)"
)
_DROPPED = re.compile(r"^(?P<verb>[a-z]+(?:'t)?)\b(?P<rest>.*)$", re.DOTALL)
_AFTER_GERUND = re.compile(
    r"^\s+(?:an?|the|my|our|to|on|in|for|at|with|from|through|some|back|up|off|out|home|this|as|\d)\b"
)
_ABOUT_YOU = re.compile(r"\b(?:you|your|yours|yourself)\b", re.IGNORECASE)
_WH = re.compile(
    r"^(?:and |so |oh |nice |cute )?(?:how (?:many|old|long|often|far|big)|what(?:'s| is| are|)|which|when|where"
    r"|who)\b",
    re.IGNORECASE,
)
_OFFER = re.compile(
    r"\b(?:want me|would you like|should I|shall I|do you want|may I|can I|could you|can you|did you know"
    r"|do you know|you know"
    r"|do you think|ready|mean|want to)\b",
    re.IGNORECASE,
)
# "my birthday's on Friday": the noun's own verb, not its possession.
_OWN_IS = re.compile(
    r"^(?P<own>[Mm]y (?:[\w-]+ )?[\w-]+)'s(?=\s+(?:on|at|an?|the|in|called|now|not|only|this|next|from|\d|still"
    r"|so)\b)"
)
# "The book I read last year reminds me of you" tells that I read a book last year.
_RELATIVE = re.compile(
    r"^(?:this|that|these|those|the)\s+(?P<what>[a-z][\w -]{1,40}?)\s+(?:that\s+|which\s+)?(?P<who>I"
    r"|[Ww]e)\s+(?P<verb>[a-z]+)"
    r"(?P<rest>\s+[^,.;]{2,60}?)\s+(?:is|was|are|were|reminds?|makes?|made|has|have|had|helps?|helped|gave|gives"
    r"|taught|shows?)\b",
    re.IGNORECASE,
)
# "It worked, standup is 11:00 now": the first part says nothing by itself.
_REMARK = re.compile(
    r"^(?:it|that|this|they|he|she)(?:'s|'re)? (?:[\w']+ ){0,3}[\w']+, (?=[a-z][\w-]*(?:"
    r" [a-z][\w-]*)? (?:is|are|has|moved|changed)\b)"
)
NOTE_WORDS = 15  # a dated note is short
ANSWER_WORDS = 12  # a longer answer says its subject itself


@dataclass(frozen=True, slots=True)
class Scene:
    """What a clause is read in: who says it to whom and when, whom they know, what was asked before."""

    said_at: datetime
    me: Person
    you: Person
    people: People
    names: frozenset[str]
    asked: str | None = None
    asking: bool = False  # the message asks for something
    history: Sequence[Said] = ()  # what the same person stated before, oldest first


def with_subject(text: str, scene: Scene) -> tuple[str, float] | None:  # noqa: PLR0911 - one return for each way
    """The clause with its subject, and how sure we are of it; None if nobody can tell whom it is about."""
    people, names = scene.people, scene.names
    text = re.sub(r"^[Mm]e,? (?=I\b)", "", own_family(text.removeprefix(f"{scene.you.inside}, ")))
    aside = _REMARK.match(text)
    if aside and scene.you is ASSISTANT and not words.HYPOTHETICAL.search(text):
        text = text[aside.end() :]
    if _OPENS_FIRST.match(text):
        return _OWN_IS.sub(r"\g<own> is", text), 0.85
    if _TRUSTED_SUBJECT.match(text) and scene.you is ASSISTANT:
        return f"my {re.sub(r'^the ', '', text)}", 0.7
    pronoun = _PRONOUN.match(text)
    if pronoun and not _VAGUE_THEY.match(text.lower()):
        who = people.meant_by(pronoun["who"])
        return (_for_pronoun(text, pronoun, who), 0.7) if who else None
    named = named_subject(text, names | people.relations.keys())
    if named:
        known = people.relations.get(named)
        return (f"{known}{text[len(named) :]}" if known and text.startswith(named) else text), 0.75
    completed = _completed(text)
    if completed:
        return completed, 0.65
    told = _RELATIVE.match(text)
    if told and (told["verb"] in words.PAST | words.EITHER or told["verb"].endswith("ed")):
        what = told["what"] if told["what"].endswith("s") else f"a {told['what']}"
        return f"I {told['verb']} {what}{told['rest']}", 0.6
    if _FIRST.search(text) and not _OPENS_VAGUE.match(text):
        return text, 0.7
    # Two people who chat speak in whole sentences: bare nouns are general there.
    return _fragment(text, scene) if scene.you is ASSISTANT else _note(text, scene)


def _fragment(  # noqa: PLR0911 - one return for each way
    text: str, scene: Scene
) -> tuple[str, float] | None:
    """Words to the assistant without a subject, as what they say of the one who speaks."""
    if text.split(maxsplit=1)[0].lower().removesuffix("'s") in words.SINGLE_NOUNS:
        text = text[:1].lower() + text[1:]  # "Rent's gone up"
    noun = _NOUN.match(text)
    if noun and not {noun["noun"].split()[0], noun["noun"].split()[-1]} & (words.GENERIC_NOUNS | words.NOT_VERBS):
        return _of_noun(noun, text[noun.end() :])
    label = _LABEL.match(text)
    if label and label["label"].split()[-1] not in words.GENERIC_NOUNS and not words.HYPOTHETICAL.search(text):
        return f"my {label['label']}: {label['value']}", 0.6
    if scene.asked and _answers(text, scene.asked):
        return f'To the question "{scene.asked}?" {scene.me.inside} answered: {text}', 0.55
    routine = _ROUTINE.match(text)
    if routine and not _HAS_VERB.search(routine["what"]):
        return f"I have {text}", 0.6
    thing = scene.people.thing
    about_it = _ABOUT_IT.match(text)
    if about_it and thing:
        return f"my {thing} {about_it['verb'].replace(chr(39) + 's', 'is').strip()} {about_it['rest']}", 0.6
    note = _note(text, scene)
    if (
        note is None
        and not scene.asking
        and _FIGURE.search(text)
        and 3 <= len(text.split()) <= NOTE_WORDS
        and not _OPENS_VAGUE.match(text)
    ):
        return (f"{scene.me.opening} notes: {text}", 0.5) if not _ABOUT_YOU.search(text) else None
    return note


def _of_noun(noun: re.Match[str], rest: str) -> tuple[str, float] | None:
    """A thing without its owner: "parking permit's expired" -> "my parking permit has expired"."""
    if _OPINION.fullmatch(rest):
        return None
    verb = {"'s": " is", " due": " is due"}.get(noun["verb"], noun["verb"])
    if verb == " is" and re.match(r"(?:gone|been|become|risen|dropped|fallen|changed|moved)\b", rest):
        verb = " has"
    if verb.startswith(" is") and re.search(r"[^s]s$", noun["noun"]):
        verb = verb.replace(" is", " are")
    return f"my {noun['noun']}{verb} {rest}", 0.6


def _note(text: str, scene: Scene) -> tuple[str, float] | None:
    """A short dated remark without a verb, told as a note."""
    if resolve(text, scene.said_at) and len(text.split()) <= NOTE_WORDS and not _OPENS_VAGUE.match(text):
        return f"{scene.me.opening} notes: {text}", 0.55
    return None


def _for_pronoun(text: str, pronoun: re.Match[str], who: str) -> str:
    rest = text[pronoun.end() :]
    if pronoun["who"].lower() in {"his", "her", "their"}:
        if short_is := re.match(r"\s+[a-z]+'s (?=[A-Z\d])", rest):
            rest = f"{short_is.group()[:-3]} is {rest[short_is.end() :]}"
        return f"{who}'s{rest}"
    short = {"'s": " is", "'ll": " will", "'d": " would", "'re": " are", "'ve": " have"}.get(pronoun["short"] or "", "")
    if short == " is" and re.match(r"\s+(?:got|been|had|gone|moved|started|stopped|finished)\b", rest):
        short = " has"
    return f"{who}{short}{rest}"


def _completed(text: str) -> str | None:
    """A clause whose "I" was left out, with it."""
    hedge = _HEDGE.match(text)
    text = text[hedge.end() :] if hedge else text
    dropped = _DROPPED.match(text)
    if dropped is None:
        return None
    if _LIKES.match(text) or (text.startswith(("need to ", "have to ")) and len(text.split()) >= 5):
        return f"I {text}"
    if _FAN.match(text):
        return f"I am {'a ' if text.startswith(('big', 'huge', 'massive')) else ''}{text}"
    role = _ROLE_NOW.match(text)
    if role and words.JOBS.search(role["role"]):
        return f"I am {text}"
    if _HEALTH.match(text):
        return f"I have {'a ' if _COUNTED.match(text) else ''}{text}"
    return _by_verb(text, dropped["verb"].lower(), dropped["rest"])


def _by_verb(text: str, verb: str, rest: str) -> str | None:
    """The same by the form of the verb that the clause begins with."""
    if verb == "been" or re.match(r"never (?:been|had|seen|gone|done|[a-z]+ed)\b", text):
        return f"I have {text}"
    if verb in words.PAST | words.DROPPED_PAST | words.DROPPED_OTHER or (verb == "used" and rest.startswith(" to ")):
        return f"I {text}"
    if verb in words.GERUNDS and (_AFTER_GERUND.match(rest) or len(rest.split()) >= 4):
        return f"I am {text}"
    if verb in words.STATES or re.match(r"not an? ", text):
        return f"I am {text}"
    return None


def _answers(text: str, asked: str) -> bool:
    """Whether the clause is a short answer to a question about the one who speaks."""
    if re.match(r"(?:just|not really|nothing|dunno|sort of|kind of|sure|maybe|depends)\b", text, re.IGNORECASE):
        return False
    about_you = _ABOUT_YOU.search(asked) or (len(asked.split()) <= 8 and _WH.match(asked))
    if not about_you or _OFFER.search(asked) or _OPENS_VAGUE.match(text):
        return False
    return len(text.split()) <= ANSWER_WORDS and not re.search(r"\b(?:it|that|this|you)\b", text, re.IGNORECASE)
