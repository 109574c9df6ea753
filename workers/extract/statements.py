"""One clause to one statement, or the reason why it is none. For the local extractor; the order of checks matters."""

import re
from dataclasses import dataclass, replace
from uuid import UUID

from app.domain.dates import CalendarDate
from app.domain.days import MONTHS
from app.domain.memory import MemoryType
from app.domain.secrets import contains_secret
from app.domain.temporal import TimeSpan, absolute, resolve, tense_of
from app.domain.temporal_rules import Tense
from workers.extract import lexicon as words
from workers.extract.anchors import anchored
from workers.extract.attributes import Key, entities_of, key_of, negated, type_of
from workers.extract.followups import answered, corrected
from workers.extract.rewrite import ASSISTANT, Person, third_person
from workers.extract.sentences import Clause
from workers.extract.states import ended_state, plan_of, replaced_state
from workers.extract.subjects import Scene, with_subject
from workers.extract.wishes import preferred, standing_wish, told


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
    spoken: str  # the sentence as it was meant, in the speaker's own words, with its dates
    corrects: UUID | None = None
    correction: bool = False
    ends: bool = False


_WORD_ASKS = re.compile(
    r"^(?:(?:what|who|where|why|how|which|whose)(?:'s|'re|s)?\b(?! (?:i (?:like|love|hate|want|need|mean|do)"
    r"|we (?:like|love|do))\b)"
    r"|(?:can|could|would|will|should|do|does|did|is|are|am|was|were|have|has|may|shall|isn't|aren't|don't"
    r"|doesn't|can't|won't"
    r"|any|how about|what about)\s+(?:I|you|we|he|she|it|they|this|that|there|the|my|your|our|a|an|any\w*|some\w*"
    r"|tips|ideas"
    r"|(?-i:[A-Z]\w+))\b|(?:can|do|does|did|is|are|should)\s+[a-z]+\s+[a-z]+)",
    re.IGNORECASE,
)
_NOUN_FIRST = re.compile(r"^[a-z]+ [a-z]+(?:'s| is| are| was) ")
# Where a key lies is as good as the key.
_HIDDEN_KEY = re.compile(
    r"\bkeys?\b(?! (?:point|thing|part|idea|is to)).{0,24}"
    r"\b(?:under|underneath|behind|beneath|inside|on top of|hidden)\b",
    re.IGNORECASE,
)
_CLAIM = re.compile(
    r"^[Mm]y [\w-]+(?: [A-Z]\w+)? (?:says?|said|claims?|claimed|swears?|swore|reckons?|insists?|thinks|believes"
    r"|jokes?)\b"
)
_UNSAID = re.compile(r"\b(?:it|that|this|them|those|one)\W*$", re.IGNORECASE)
_WHOLE = re.compile(r"^(?:I|[Mm]y|[Ww]e|[Oo]ur)\b")
_HELP = re.compile(
    r"^(?:I|we)(?:'d|'m|'re)?\s+(?:just |really |also |would )*(?:need|want|like|looking for|after|wanting|love"
    r"|trying to (?:find|write|fix|get this))\b"
    r".*\b(?:help|you to|a (?:list|plan|recipe|schedule|script|pipeline|function|template|summary|draft"
    r"|recommendation|hand|joke|story|poem|name|title)|ideas?|advice|tips?|suggestions?|recommendations?"
    r"|explained|from you)\b"
    r"|^(?:I|we)(?:'ll| will) (?:try|do|check|look|see|think|ask|let you|get back|be back|take|give it"
    r"|tell)\b(?!.*\b(?:on|in|next|at) \w*\d)"
    r"|^(?:I|we) (?:asked|mean|meant|told you|said|guess|see|wonder|swear|bet|promise|hope (?:so|not))\b"
    r"|^(?:I'm|I am|we're) (?:just )?(?:asking|wondering|curious|joking|kidding|saying|serious|listening|back"
    r"|ready|sure|not sure|sorry|off to bed|here)\b",
    re.IGNORECASE,
)
_YOU_CLAIM = re.compile(
    r"^(?:you|your)\b|\byou (?:are|were|said|told|should|can|could|must|need|know|misunderstood|keep|got|did|do"
    r"|have|will|would)\b|\byou're\b",
    re.IGNORECASE,
)
_WITHDRAWS = re.compile(
    r"^(?:jk|just kidding|kidding|i'm kidding|i'm joking|just joking|joking|not really|(?:scratch|scrap) (?:that|it)"
    r"|ignore (?:that|me)|forget (?:that|it|what I said|I said (?:that|anything))|never ?mind|delete that)\b(?!"
    r" one\b)"
    r"(?!.*\b(?:make|should|meant|it's|it is|that's|rather)\b)",
    re.IGNORECASE,
)
_CORRECTS = re.compile(r"\b(?:no+|nope|sorry|oops|whoops|wait|correction|i mean)\b")
_LOOSE = re.compile(
    r"\b(?:i|i'm|i've|i'll|i'd|my|mine|me|we|our|you|your|today|yesterday|tomorrow|tonight"
    r"|(?:last|next|this|coming) (?:week|month|year|weekend|night|spring|summer|autumn|fall|winter|\w+day)"
    r"|\w+ (?:days?|weeks?|months?|years?) ago)\b",
    re.IGNORECASE,
)
_IN_QUOTES = re.compile(r"[\"\u201c\u201d][^\"\u201c\u201d]*[\"\u201c\u201d]")
# What has "just" happened happened about then: the month is said, since the word loses its meaning later.
_JUST = re.compile(
    rf"^(?P<who>(?:I|[Ww]e|[Mm]y [\w' -]{{2,30}}?|[A-Z][\w-]+)(?:'ve|'s| have| has)?)(?P<more>(?: \w+ly| finally"
    rf"| also)?) just"
    rf"(?= (?:\w+ly )?(?:[a-z]{{2,}}ed"
    rf"|{'|'.join(sorted(words.PAST - {'was', 'were', 'had', 'did', 'felt', 'thought', 'said'}))}"
    r"|been|had an?|put|set|cut|hit|become)\b)(?! (?:wanted|needed|hoped|loved|figured|wondered|realised"
    r"|realized|learned that)\b)"
)
_FRONTED = re.compile(
    r"^(?:On|In|Since|From|At|By|Until|Around|During|Before|After)\b[^,.;]{0,40}?\b(?:19|20)\d\d\b(?: in the"
    r" [a-z]+)?(?: \([^)]*\))?,? "
    r"(?=the user\b|the assistant\b|[A-Z])"
)
# "secretary, not treasurer" says what somebody is.
_CONTRAST = re.compile(
    r"(?<=\w), not (?:an? |the |in |at |on )?[\w'-]+(?: [\w'-]+){0,2}(?=[,.;]|$)| not"
    r" \d[\w:.]*(?=[,.;]|$)"
)
_DUTY = re.compile(
    r"^(?:need|have|got) to (?!know|ask|find out|see)\w+.*\b(?:my|our|by|before|on|until|next"
    r"|this|tomorrow)\b"
)
_WORDS_OF = re.compile(r"[^\W_]+(?:'[^\W_]+)?")


def state(clause: Clause, scene: Scene) -> Statement | str:  # noqa: PLR0911 - one return for each way
    """The statement that a clause makes, or a short reason why it makes none."""
    text, alone = clause.text, scene.you is ASSISTANT
    reason = _not_worth(clause, text)
    if reason is None or reason == "too_short":
        put_right = corrected(clause, scene.history, scene.said_at) if alone else None
        if put_right is not None:
            made = _finish(put_right.sentence, scene, confidence=0.7)
            return made if isinstance(made, str) else replace(made, correction=True, corrects=put_right.event_id)
        answer = answered(text, scene.asked) if alone and scene.asked else None
        if answer is not None:
            scene.people.listen(answer, scene.me, scene.names)
            about = with_subject(answer, scene)
            return _finish(about[0], scene, confidence=0.75) if about else "no_subject"
    scene.people.listen(text, scene.me, scene.names)
    if reason is not None:
        return reason
    wish = standing_wish(clause, text, scene.me, asking=scene.asking, alone=alone)
    if wish is not None:
        return _finish(wish, scene, confidence=0.7)
    if _is_request(text):
        return "request"
    about = with_subject((preferred(text) if alone else None) or text, scene)
    if about is None:
        return "hypothetical" if words.HYPOTHETICAL.search(text) else "no_subject"
    sentence, confidence = anchored(_asserted(about[0]), scene.history, scene.said_at), about[1]
    unmeant = _not_meant(sentence, scene.you)
    if unmeant is not None:
        return unmeant
    made = _finish(sentence, scene, confidence=confidence)
    return made if isinstance(made, str) or not _CORRECTS.search(clause.lead) else replace(made, correction=True)


def _asserted(sentence: str) -> str:
    """What is said before a supposition begins: "I have five cousins and none would help" -> "I have five cousins"."""
    doubt = words.HYPOTHETICAL.search(sentence)
    if doubt is None or not _WHOLE.match(sentence):
        return sentence
    cuts = [m.start() for m in re.finditer(r",\s|\s(?:and|but|which|so|who)\s", sentence[: doubt.start()])]
    before = sentence[: cuts[-1]] if cuts else ""
    return before if len(before.split()) >= 4 and not words.HYPOTHETICAL.search(before) else sentence


def _not_meant(sentence: str, you: Person) -> str | None:
    """Why a sentence with its subject is still no statement of fact."""
    sentence = _IN_QUOTES.sub("", sentence)
    own = re.match(r"^(?:I|we|my|our)\b", sentence, re.IGNORECASE) and not (_CLAIM.match(sentence) and you is ASSISTANT)
    if words.HYPOTHETICAL.search(sentence):
        return "hypothetical"
    if words.REPORTED.search(sentence) and not own and not words.TRUSTED.search(sentence):
        return "reported"
    if words.FILLER.search(sentence) or (len(sentence.split()) <= 6 and _UNSAID.search(sentence)):
        return "small_talk"
    if _HELP.search(sentence) or (_YOU_CLAIM.search(sentence) and not own and you is ASSISTANT):
        return "addressed"
    return None


def _not_worth(clause: Clause, text: str) -> str | None:  # noqa: PLR0911 - one return for each reason
    if _WITHDRAWS.match(text):
        return "withdrawn"
    if clause.asks or _WORD_ASKS.match(text):
        return "question"
    if clause.quoted and len(text.split()) < 12:
        return "quotation"
    if contains_secret(text) or _HIDDEN_KEY.search(text):
        return "secret"
    if words.JOKE.search(text):
        return "joke"
    if words.GAME.search(text):
        return "game"
    if len(_WORDS_OF.findall(text)) < 2 and not clause.polite:
        return "too_short"
    if words.SMALL_TALK.match(text):
        return "small_talk"
    return None


def _is_request(text: str) -> bool:
    first = text.split(maxsplit=1)[0].lower()
    if told(text) or _NOUN_FIRST.match(text) or words.PAST & {w.lower() for w in text.split()[1:2]}:
        return False  # "start date is ...", "talk went well"
    if first in words.IMPERATIVE and first not in {"left", "put", "read", "set", "let"}:
        return True
    if _DUTY.match(text):
        return False
    return first in {"need", "want", "wanting", "looking"} or (
        first in {"put", "read", "set", "let"} and "I" not in text
    )


def _finish(sentence: str, scene: Scene, *, confidence: float) -> Statement | str:
    spans = resolve(sentence, scene.said_at)
    just = _JUST.match(sentence) if not spans else None
    if just:
        month = f"{MONTHS[scene.said_at.month - 1]} {scene.said_at.year}"
        who = re.sub(r"(?:'ve|'s| have| has)$", "", just["who"])
        sentence = f"In {month}, {who}{just['more']}{sentence[just.end() :]}"
        spans = resolve(sentence, scene.said_at)
    tense = tense_of(sentence)
    today = scene.said_at.date().isoformat()
    past = tense is Tense.PAST or any(span.when.text < today[: len(span.when.text)] for span in spans)
    spoken = absolute(sentence, spans)
    text = third_person(spoken, scene.me, scene.you, past=past)
    text = _dot(text)
    if _LOOSE.search(_IN_QUOTES.sub("", text)):
        return "not_self_contained"
    if words.FEELING_NOW.match(text.rstrip(".")):
        return "small_talk"
    if len(_WORDS_OF.findall(text)) < 4:
        return "too_short"
    event_time, valid_from, valid_to, ahead = _times(spans, today)
    bare = _FRONTED.sub("", text.rstrip("."), count=1)
    bare = _CONTRAST.sub("", bare[:1].upper() + bare[1:])
    over = ended_state(bare) if scene.you is ASSISTANT else None
    key = over or key_of(bare)
    if key is None and scene.you is ASSISTANT:
        over = key = replaced_state(bare)
    called_off = over is not None and over.attribute.startswith("plan:")
    if (key is None or event_time) and over is None and (ahead or tense is Tense.FUTURE):
        plan = plan_of(bare, event_time.text if event_time else None)
        if plan and (key is None or key.attribute in plan.attribute):  # "my vet's on 25 July" tells of an appointment
            key = plan
    kind = type_of(text, tense=tense, dated=event_time is not None, ahead=ahead)
    return Statement(
        text=text,
        type=kind,
        key=key,
        negated=negated(_CONTRAST.sub("", text)),
        event_time=event_time,
        valid_from=valid_from,
        valid_to=valid_to,
        importance=_importance(kind, key, text),
        confidence=confidence,
        entities=entities_of(text),
        spoken=spoken,
        correction=called_off,
        ends=over is not None and not called_off,
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
