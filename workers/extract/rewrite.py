"""First and second person into the third, with the verbs that go with it. Used by the local extractor."""

import re
from dataclasses import dataclass

from workers.extract.lexicon import ADVERBS, BASE, EITHER, MODAL, NOT_ADVERBS, NOT_VERBS, PAST


@dataclass(frozen=True, slots=True)
class Person:
    """How somebody is written: `The user` and `the user`, or a name in both places."""

    opening: str
    inside: str

    @property
    def possessive(self) -> str:
        return f"{self.inside}'s"


USER = Person("The user", "the user")
ASSISTANT = Person("The assistant", "the assistant")


def named(name: str) -> Person:
    """A person who is written by name."""
    return Person(name, name)


_NO_ADVERB = "|".join(sorted(NOT_ADVERBS))
_SUBJECT = re.compile(
    rf"\b(?P<who>I|[Ww]e|[Yy]ou)(?P<short>'(?:m|re|ve|ll|d))?(?![\w'])"
    rf"(?P<adverbs>(?:\s+(?:{ADVERBS}|(?!(?:{_NO_ADVERB})\b)[a-z]+ly)\b)*)"
    r"(?:\s+(?P<verb>[A-Za-z]+(?:'t)?)\b)?"
)
_PLURAL = re.compile(
    r"^(?:(?:[Mm]y|[Oo]ur|[Tt]he)\s+)?(?!I\b|[Ww]e\b)[\w'-]+(?:\s+[A-Z][\w-]+)?\s+and\s+I\b(?!\s+(?:think|guess"
    r"|hope|mean)\b)"
)
_QUOTES = re.compile(r"(\"[^\"]*\"|\u201c[^\u201d]*\u201d)")
_INVERTED = re.compile(r"\b(?P<aux>am|have|do|don't|was|did|had|can|will)\s+I\b")
_OBJECT_BEFORE = re.compile(
    r"\b(?:for|to|with|of|from|about|than|at|by|on|told|tell|asked?|gave|give|thank|see|love|miss|meet|call|show"
    r"|let|know|want"
    r"|need|expect|help|remind|like|hate|owe|promised?|teach|taught|send|sent|[a-z]+ing)\s+\Z",
    re.IGNORECASE,
)
_AND_VERB = re.compile(rf"\b(?P<joint>and|but|or|then)\s+(?P<adverbs>(?:(?:{ADVERBS})\s+)*)(?P<verb>[a-z]+(?:'t)?)\b")
_OBJECTS = (
    (re.compile(r"\b[Mm]yself\b|\b[Oo]urselves\b"), "reflexive"),
    (re.compile(r"\b(?:my|our) own\b", re.IGNORECASE), "own"),
    (re.compile(r"\b[Mm]y\b|\b[Oo]ur\b"), "possessive"),
    (re.compile(r"\b[Mm]ine\b|\b[Oo]urs\b"), "possessive"),
    (re.compile(r"\bme\b|\bMe\b|\bus\b"), "object"),
)
_YOUR = re.compile(r"\b[Yy]ours?\b(?!')")
_YOURSELF = re.compile(r"\b[Yy]oursel(?:f|ves)\b")
_TO_BE = {
    "am": "is", "are": "is", "were": "was", "have": "has", "do": "does", "haven't": "has not", "don't": "does not",
    "aren't": "is not", "weren't": "was not", "ain't": "is not", "didn't": "did not", "can't": "cannot",
    "won't": "will not", "couldn't": "could not", "wasn't": "was not", "hadn't": "had not",
}  # fmt: skip
_PARTICIPLES = frozenset(["been", "gone", "done", "seen", "had", "taken", "known"])


def present(verb: str) -> str:
    """The third person singular of a verb's base form."""
    if verb in {"have", "be"}:
        return {"have": "has", "be": "is"}[verb]
    if re.search(r"(?:s|x|z|ch|sh|o)$", verb):
        return f"{verb}es"
    if re.search(r"[^aeiou]y$", verb):
        return f"{verb[:-1]}ies"
    return f"{verb}s"


def agree(verb: str, *, past: bool) -> str:
    """The verb after a third-person singular subject. `past` settles verbs that look the same in both tenses."""
    low = verb.lower()
    if low in _TO_BE:
        return _TO_BE[low]
    if low in MODAL or low in PAST or low in NOT_VERBS or (low.endswith("ed") and low not in {"need", "feed", "speed"}):
        return verb
    if low in EITHER and past:
        return verb
    if low.endswith(("ing", "self")) or not low.isascii() or low in {"has", "does", "is", "been", "gone", "lol"}:
        return verb
    return present(low)


def third_person(text: str, me: Person, you: Person, *, past: bool = False) -> str:
    """`text` as somebody else would report it: `me` speaks to `you`. Only words change that point at the two, and none
    inside quotation marks.
    """
    parts = _QUOTES.split(text)
    done = "".join(part if place % 2 else _reported(part, me, you, past=past) for place, part in enumerate(parts))
    return done[:1].upper() + done[1:] if done.startswith(("the user", "the assistant", "their")) else done


def _reported(text: str, me: Person, you: Person, *, past: bool) -> str:
    together = _PLURAL.match(text)
    text = _INVERTED.sub(lambda m: f"{agree(m['aux'], past=past)} {me.inside}", text)

    def subject(match: re.Match[str]) -> str:
        who, short, adverbs, verb = match["who"], match["short"], match["adverbs"] or "", match["verb"]
        person = you if who.lower() == "you" else me
        start = match.start() == 0 or text[: match.start()].rstrip().endswith((".", "!", "?", ":"))
        name = person.opening if start else person.inside
        tail = f" {verb}" if verb else ""
        if together and together.end() >= match.start() and who == "I":
            return f"{name}{_plural(short)}{adverbs}{tail}"
        if who.lower() == "you" and not short and _OBJECT_BEFORE.search(text, 0, match.start()):
            return f"{name}{adverbs}{tail}"
        if short:
            return f"{name} {_auxiliary(short, verb)}{adverbs}{tail}"
        return f"{name}{adverbs} {agree(verb, past=past)}" if verb else f"{name}{adverbs}"

    opens = re.match(r"(?:I|We|we)\b", text)
    done = _SUBJECT.sub(subject, text)
    if opens and not past and not together:
        done = _agree_joined(done)
    for pattern, form in _OBJECTS:
        if form == "own" and not opens:
            done = re.sub(r"^(?:[Mm]y|[Oo]ur) own\b", f"{me.opening}'s own", done)
            done = re.sub(r"\b(?:my|our) own\b", f"{me.possessive} own", done)
        done = pattern.sub(
            {"reflexive": "themself", "own": "their own", "possessive": me.possessive}.get(form, me.inside), done
        )
    done = _YOURSELF.sub("itself" if you is ASSISTANT else "themself", done)
    return _YOUR.sub(you.possessive, done)


def _plural(short: str | None) -> str:
    return {"'m": " are", "'re": " are", "'ve": " have", "'ll": " will", "'d": " would"}.get(short or "", "")


def _auxiliary(short: str, verb: str | None) -> str:
    if short == "'d":
        return "had" if verb and (verb.endswith(("ed", "en")) or verb in _PARTICIPLES) else "would"
    return {"'m": "is", "'re": "is", "'ve": "has", "'ll": "will"}[short]


def _agree_joined(text: str) -> str:
    """The second verb of the same subject: "loves jazz and hate rock" -> "loves jazz and hates rock"."""

    def joined(match: re.Match[str]) -> str:
        verb = match["verb"]
        fixed = agree(verb, past=False) if verb in BASE or verb in {"don't", "have", "am", "haven't"} else verb
        return f"{match['joint']} {match['adverbs']}{fixed}"

    first = re.match(r"(?:The user|[A-Z]\w+) (?:[a-z]+ly |always |never |really )*(?P<verb>\w+)", text)
    if first and (first["verb"].endswith("s") and first["verb"] not in {"is", "was", "has"}):
        return _AND_VERB.sub(joined, text)
    return text
