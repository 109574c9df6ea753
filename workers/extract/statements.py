"""One clause to one statement, or the reason why it is none. Used by the local extractor; the order of the checks matters."""

import re
from dataclasses import dataclass, field

from app.domain.dates import CalendarDate
from app.domain.event import Event
from app.domain.memory import MemoryType
from app.domain.secrets import contains_secret
from app.domain.temporal import TimeSpan, absolute, resolve, tense_of
from app.domain.temporal_rules import Tense
from workers.extract import lexicon as words
from workers.extract.attributes import Key, entities_of, is_relation, key_of, negated, type_of
from workers.extract.rewrite import ASSISTANT, USER, Person, third_person
from workers.extract.sentences import Clause


@dataclass(frozen=True, slots=True)
class Statement:
    """What a clause says, ready to become a candidate."""

    text: str
    type: MemoryType
    key: Key | None
    negated: bool
    event_time: CalendarDate | None
    valid_from: CalendarDate | None
    valid_to: CalendarDate | None
    importance: float
    confidence: float
    entities: tuple[str, ...]


@dataclass(slots=True)
class People:
    """Whom a speaker has mentioned: the last woman and the last man, and how each name belongs to the speaker."""

    she: str | None = None
    he: str | None = None
    last: str | None = None
    relations: dict[str, str] = field(default_factory=dict)

    def note(self, display: str, relation: str | None) -> None:
        """Remember somebody as `display` ("the user's sister Anna")."""
        self.last = display
        if relation is None or relation in words.FEMALE:
            self.she = display
        if relation is None or relation in words.MALE:
            self.he = display
        if relation is not None and relation not in words.FEMALE | words.MALE:
            self.she = self.he = display

    def meant_by(self, pronoun: str) -> str | None:
        """Who "he" or "she" is, if anybody was named."""
        return {"she": self.she, "her": self.she, "he": self.he, "his": self.he}.get(pronoun.lower())


_WORD_ASKS = re.compile(
    r"^(?:(?:what|who|where|why|how|which|whose)(?:'s|'re|s)?\b(?! (?:i (?:like|love|hate|want|need|mean|do)|we (?:like|love|do))\b)"
    r"|(?:can|could|would|will|should|do|does|did|is|are|am|was|were|have|has|may|shall|isn't|aren't|don't|doesn't|can't|won't"
    r"|any|how about|what about)\s+(?:I|you|we|he|she|it|they|this|that|there|the|my|your|our|a|an|any\w*|some\w*|tips|ideas"
    r"|[A-Z]\w+)\b)",
    re.IGNORECASE,
)
_FIRST = re.compile(r"\b(?:I|I'\w+|[Mm]y|[Mm]e|[Mm]ine|[Mm]yself|[Ww]e|[Ww]e'\w+|[Oo]ur|[Oo]urs|us)\b")
_OPENS_FIRST = re.compile(
    r"^(?:I\b|I'|[Ww]e\b|[Ww]e'|[Mm]y\b|[Oo]ur\b|[Mm]e and\b|[Bb]oth of us\b|[Mm]ost of my\b|[Oo]ne of my\b|[Aa]ll (?:of )?my\b)"
)
_OPENS_VAGUE = re.compile(
    r"^(?:it|its|it's|this|that|that's|there|there's|these|those|they|they're|them|which|one|everyone|nobody|nothing|everything)\b",
    re.IGNORECASE,
)
_OPENS_PRONOUN = re.compile(r"^(?P<who>[Hh]e|[Ss]he|[Hh]is|[Hh]er)(?P<short>'s|'ll|'d)?(?=\s)")
_BARE_FAMILY = re.compile(
    rf"(?<![\w'-])(?<!my )(?<!our )(?<!your )(?<!his )(?<!her )(?<!their )(?<!the )(?<!a )(?P<word>(?:{'|'.join(sorted(words.FAMILY))}))(?P<own>'s)?(?=\s|$|,)(?!-)"
)
_RELATED = re.compile(
    r"\b(?P<mine>[Mm]y|[Oo]ur)\s+(?:(?:best|old|older|younger|elder|eldest|youngest|little|big|late|new|ex|twin|half|good|close|dear|oldest|step|grand)[ -])*"
    r"(?P<relation>[a-z-]+)(?:'s name is|,? called|,? named|,)?\s*(?P<name>[A-Z][\w-]+)?"
)
_NAMED_SUBJECT = re.compile(r"^(?:(?P<name>[A-Z][\w-]+)(?:'s)?(?:\s+(?:and|&)\s+[A-Z][\w-]+)?)\s+(?P<verb>[a-z']+)")
_NOUN_SUBJECT = re.compile(
    r"^(?:the\s+)?(?P<noun>[a-z][\w-]*(?:\s+[a-z][\w-]*)?)(?P<verb>'s|\s+is|\s+was|\s+runs?|\s+ends?|\s+starts?|\s+lasts?|\s+gets?|\s+goes|\s+has|\s+needs)\s+(?=\S)"
)
_GENERIC_NOUN = frozenset(
    """it that this there what who everything nothing life time god weather people someone everyone one here how where when why
    he she they all some anything something thing things way problem issue question answer point idea thought internet world
    moon sun sky rain sugar water food money love moral truth rest other same stuff""".split()
)
_DROPPED = re.compile(r"^(?P<verb>[a-z]+(?:'t)?)\b")
_PAST_NOT = frozenset(
    "need feed indeed speed seed weed red bed led advanced united supposed used based tired bored excited confused interested annoyed scared married engaged retired divorced".split()
)
_STATES = frozenset(
    "married engaged retired divorced single pregnant vegan vegetarian allergic diabetic celiac coeliac based supposed used based".split()
)
_GERUNDS = frozenset(
    "living working studying training learning writing planning moving going flying leaving starting getting looking trying taking having building reading playing teaching running unpacking saving preparing visiting travelling traveling cooking doing graduating expecting hoping seeing dating renting fostering typing graduating paying bringing driving".split()
)
_HELP = re.compile(
    r"^(?:I|we)(?:'d|'m|'re)?\s+(?:just |really |also |would )*(?:need|want|like|looking for|after|wanting|love|trying to (?:find|write|fix|get this))\b"
    r".*\b(?:help|you to|a (?:list|plan|recipe|schedule|script|pipeline|function|template|summary|draft|recommendation|hand|joke|story|poem|name|title)|ideas?|advice|tips?|suggestions?|recommendations?|explained|from you)\b"
    r"|^(?:I|we)(?:'ll| will) (?:try|do|check|look|see|think|ask|let you|get back|be back|take|give it|tell)\b(?!.*\b(?:on|in|next|at) \w*\d)"
    r"|^(?:I|we) (?:asked|mean|meant|told you|said|guess|see|wonder|swear|bet|promise|hope (?:so|not))\b"
    r"|^(?:I'm|I am|we're) (?:just )?(?:asking|wondering|curious|joking|kidding|saying|serious|listening|back|ready|sure|not sure|sorry|off to bed|here)\b",
    re.IGNORECASE,
)
_YOU_CLAIM = re.compile(
    r"^(?:you|your)\b|\byou (?:are|were|said|told|should|can|could|must|need|know|misunderstood|keep|got|did|do|have|will|would)\b|\byou're\b",
    re.IGNORECASE,
)
_WITHDRAWS = re.compile(
    r"^(?:jk|just kidding|kidding|i'm kidding|i'm joking|just joking|joking|not really|scratch that|ignore (?:that|me))\b",
    re.IGNORECASE,
)
_LOOSE = re.compile(
    r"\b(?:i|i'm|i've|i'll|i'd|my|mine|me|we|our|you|your|today|yesterday|tomorrow|tonight"
    r"|(?:last|next|this|coming) (?:week|month|year|weekend|night|spring|summer|autumn|fall|winter|\w+day)"
    r"|\w+ (?:days?|weeks?|months?|years?) ago)\b",
    re.IGNORECASE,
)
_IN_QUOTES = re.compile(r"[\"\u201c\u201d][^\"\u201c\u201d]*[\"\u201c\u201d]")
_ABOUT_YOU = re.compile(r"\b(?:you|your|yours|yourself)\b", re.IGNORECASE)
_OFFER = re.compile(
    r"\b(?:want me|would you like|should I|shall I|do you want|may I|can I|could you|can you|did you know|do you know|ready|mean|want to)\b",
    re.IGNORECASE,
)
_WORDS_OF = re.compile(r"[^\W_]+(?:'[^\W_]+)?")


def state(
    clause: Clause, event: Event, *, me: Person, you: Person, people: People, asked: str | None
) -> Statement | str:
    """The statement that a clause of `event` makes, or a short reason why it makes none."""
    text = clause.text
    reason = _not_worth(clause, text)
    if reason is not None:
        _note_people(text, me, people)
        return reason
    wish = _standing_wish(clause, text, me)
    if wish is not None:
        return _finish(wish, event, me, you, people, confidence=0.7)
    if _is_request(text):
        return "request"
    about = _with_subject(text, me, people, asked)
    if about is None:
        return "no_subject"
    sentence, confidence = about
    if words.HYPOTHETICAL.search(sentence):
        return "hypothetical"
    if (
        words.REPORTED.search(sentence)
        and not re.match(r"^(?:I|we)\b", sentence)
        and not words.TRUSTED.search(sentence)
    ):
        return "reported"
    if _HELP.search(sentence) or (
        _YOU_CLAIM.search(sentence) and you is ASSISTANT and not re.match(r"^(?:I|my)\b", sentence)
    ):
        return "addressed"
    return _finish(sentence, event, me, you, people, confidence=confidence)


def _not_worth(clause: Clause, text: str) -> str | None:
    if _WITHDRAWS.match(text):
        return "withdrawn"
    if clause.asks or _WORD_ASKS.match(text):
        return "question"
    if clause.quoted and len(text.split()) < 12:
        return "quotation"
    if contains_secret(text):
        return "secret"
    if words.JOKE.search(text):
        return "joke"
    if words.GAME.search(text):
        return "game"
    if len(_WORDS_OF.findall(text)) < 2:
        return "too_short"
    if words.SMALL_TALK.match(text):
        return "small_talk"
    return None


def _standing_wish(clause: Clause, text: str, me: Person) -> str | None:
    """A lasting instruction to the assistant, in words that stand for themselves."""
    if not words.DURABLE.search(text) or _FIRST.match(text) or words.HYPOTHETICAL.match(text):
        return None
    first = text.split()[0].lower()
    if (
        first in words.IMPERATIVE
        or clause.polite
        or re.search(r"\b(?:always|never|from now on|every time)\b", text, re.IGNORECASE)
    ):
        opening = "" if first in {"always", "never", "no", "don't"} else ""
        return f"{me.opening} has a standing request: {opening}{text}"
    return None


def _is_request(text: str) -> bool:
    first = text.split()[0].lower()
    if first in words.IMPERATIVE and first not in {"left", "put", "read", "set", "let"}:
        return True
    return first in {"need", "want", "wanting", "looking"} or (
        first in {"put", "read", "set", "let"} and "I" not in text
    )


def _with_subject(text: str, me: Person, people: People, asked: str | None) -> tuple[str, float] | None:
    """The clause with its subject said out loud, and how sure we are; None if nobody can tell who it is about."""
    text = _BARE_FAMILY.sub(lambda m: f"my {m['word']}{m['own'] or ''}", text)
    if _OPENS_FIRST.match(text):
        return text, 0.85
    pronoun = _OPENS_PRONOUN.match(text)
    if pronoun:
        who = people.meant_by(pronoun["who"])
        if who is None:
            return (text, 0.0) if False else None
        own = pronoun["who"].lower() in {"his", "her"}
        short = {"'s": " is", "'ll": " will", "'d": " would"}.get(pronoun["short"] or "", "")
        rest = text[pronoun.end() :]
        if short == " is" and re.match(r"\s+(?:got|been|had|gone|\w+ed)\b", rest):
            short = " has"
        return f"{who}{chr(39) + 's' if own else short}{rest}", 0.7
    named = _NAMED_SUBJECT.match(text)
    if named and named["name"] not in words.NOT_NAMES and named["verb"] not in words.NOT_VERBS:
        return text, 0.75
    dropped = _DROPPED.match(text)
    if dropped:
        verb = dropped["verb"].lower()
        if (
            verb in words.PAST
            or verb in {"didn't", "couldn't", "can't", "don't", "haven't", "wasn't", "been", "never"}
            or (verb.endswith("ed") and len(verb) > 3 and verb not in _PAST_NOT)
        ):
            return f"I {'have ' if verb == 'been' else ''}{text}", 0.65
        if verb in _GERUNDS or verb in _STATES or (verb == "not" and re.match(r"not an? ", text)):
            return f"I am {text}", 0.65
        if verb == "have":
            return f"I {text}", 0.65
    if _FIRST.search(text) and re.search(r"\bI(?:'\w+)?\s+\w+|\b(?:my|our)\b", text) and not _OPENS_VAGUE.match(text):
        return text, 0.7
    noun = _NOUN_SUBJECT.match(text)
    if noun and noun["noun"].split()[0] not in _GENERIC_NOUN and noun["noun"].split()[-1] not in words.NOT_VERBS:
        verb = " is" if noun["verb"] == "'s" else noun["verb"]
        return f"my {noun['noun']}{verb} {text[noun.end() :]}", 0.6
    if asked and _ABOUT_YOU.search(asked) and not _OFFER.search(asked) and 2 <= len(text.split()) <= 25:
        return f'To the question "{asked}?" {me.inside} answered: {text}', 0.55
    return None


def _note_people(text: str, me: Person, people: People) -> None:
    text = _BARE_FAMILY.sub(lambda m: f"my {m['word']}{m['own'] or ''}", text)
    for match in _RELATED.finditer(text):
        if not is_relation(match["relation"]):
            continue
        name = match["name"] if match["name"] not in words.NOT_NAMES else None
        display = f"{me.possessive} {match['relation']}" + (f" {name}" if name else "")
        people.note(display, match["relation"])
        if name:
            people.relations[name] = display
    named = _NAMED_SUBJECT.match(text)
    if named and named["name"] not in words.NOT_NAMES:
        people.note(people.relations.get(named["name"], named["name"]), None)


def _finish(
    sentence: str, event: Event, me: Person, you: Person, people: People, *, confidence: float
) -> Statement | str:
    said_at = event.occurred_at
    _note_people(sentence, me, people)
    spans = resolve(sentence, said_at)
    tense = tense_of(sentence)
    past = tense is Tense.PAST or any(
        s.when.end() <= said_at.replace(tzinfo=None).replace(tzinfo=s.when.end().tzinfo) for s in spans
    )
    text = third_person(absolute(sentence, spans), me, you, past=past)
    text = _dot(text)
    if _LOOSE.search(_IN_QUOTES.sub("", text)):
        return "not_self_contained"
    if words.FEELING_NOW.match(text.rstrip(".")):
        return "small_talk"
    if len(_WORDS_OF.findall(text)) < 4:
        return "too_short"
    speaker = "user" if me is USER else me.opening.lower()
    event_time, valid_from, valid_to, ahead = _times(spans, said_at.date().isoformat())
    key = key_of(text.rstrip("."), speaker)
    kind = type_of(text, tense=tense, dated=event_time is not None, ahead=ahead)
    return Statement(
        text=text,
        type=kind,
        key=key,
        negated=negated(text),
        event_time=event_time,
        valid_from=valid_from,
        valid_to=valid_to,
        importance=_importance(kind, key, text),
        confidence=confidence,
        entities=entities_of(text),
    )


def _times(
    spans: list[TimeSpan], today: str
) -> tuple[CalendarDate | None, CalendarDate | None, CalendarDate | None, bool]:
    """(event_time, valid_from, valid_to, whether it lies ahead) of a statement said on `today`."""
    if not spans:
        return None, None, None, False
    starts = [s for s in spans if s.open_start]
    ends = [s for s in spans if s.open_end]
    points = [s for s in spans if not s.open_start and not s.open_end]
    first = points[0] if points else None
    event_time = first.when if first else None
    valid_from = starts[0].when if starts else (first.when if first and not starts else None)
    valid_to = ends[-1].when if ends else (first.until if first else None)
    reach = first.until or first.when if first else (ends[-1].when if ends else None)
    return event_time, valid_from, valid_to, reach is not None and reach.text > today[: len(reach.text)]


def _importance(kind: MemoryType, key: Key | None, text: str) -> float:
    base = 0.5 + (0.2 if key else 0.0) + (0.1 if key and key.single else 0.0)
    if kind in {MemoryType.FORESIGHT, MemoryType.PREFERENCE, MemoryType.PROCEDURE}:
        base += 0.1
    return round(min(base + (0.05 if any(c.isdigit() for c in text) else 0.0), 1.0), 2)


def _dot(text: str) -> str:
    text = re.sub(r"\s+", " ", text).strip(" ,;:-")
    text = re.sub(r"\s+([,.!?])", r"\1", text)
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."
