"""The goals inside a question, as shorter questions: clauses that a conjunction joins, what happened before or after,
who somebody is, and names. Pure rules over English, the same answer every time; used by the further rounds of a recall.

A question with one goal has none, and what is no conjunction of goals ("rock and roll") stays whole.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

MOST = 4  # goals of a question: each costs a search
LONGEST = 500  # characters; what is longer is a text and no question
LEAST_WORDS = 3  # of a clause: "and why" asks nothing by itself

_ASKS = "who|whose|whom|what|which|when|where|why|how"
_HELPS = (
    r"(?:do|does|did|is|are|was|were|has|have|had|will|would|can|could|should)"
    r"(?=\s+(?:I|you|he|she|it|we|they|my|your|his|her|its|our|their|the|there|any|[A-Z]))"
)
_PREPOSITION = r"(?:in|at|on|for|with|from|to|of|about|since)\s+"
_OPENS = rf"(?:{_PREPOSITION})?(?:(?i:{_ASKS})\b|{_HELPS})"
_JOINT = re.compile(rf"[?;]\s*(?:(?i:and|but|or|also|then)\b,?\s*)?(?=\w)|,?\s+(?:and|but)\s+(?:also\s+)?(?={_OPENS})")
_QUESTION = re.compile(rf"\W*(?:(?i:{_ASKS})\b|(?i:do|does|did|is|are|was|were|has|have|had|will|would|can|could)\b)")
_SAID = re.compile(r"\W*(?i:tell|remind|say|show|list|find|give|describe|explain)\b")

_NOUN = r"(?:(?i:the|a|an|my|his|her|our|their)\s+)?[\w'\u2019-]+(?:\s+(?!and\b)[\w'\u2019-]+)??"
_BOTH = re.compile(
    rf"\b(?i:both)\s+(?P<one>{_NOUN})\s+and\s+(?P<other>(?:(?i:the|a|an|my|his|her|our|their)\s+)?[\w'\u2019-]+)"
)
_BETWEEN = re.compile(r"\bbetween\s+(?P<one>[A-Z][\w'\u2019-]*)\s+and\s+(?P<other>[A-Z][\w'\u2019-]*)")

# "after she moved": a subject and a verb. "after work" and "before my morning run" are times of day and stay.
_SUBJECT = r"(?:I|you|he|she|it|we|they|(?:my|your|his|her|our|their|the)\s+[\w'\u2019-]+|[A-Z][\w'\u2019-]*)"
_PAST = (
    r"(?:\w{2,}ed|got|went|came|left|had|was|were|did|made|took|met|bought|sold|lost|found|broke|began|became|told|said"
    r"|saw|gave|won|quit|felt|kept|fell|flew|drove|wrote|built|caught|started)"
)
_AROUND = re.compile(
    rf"^(?P<main>.+?),?\s+(?:right\s+|just\s+|shortly\s+|soon\s+)?(?:before|after|since|until|while|when)\s+"
    rf"(?P<event>(?:{_SUBJECT}\s+(?:\w+\s+)?{_PAST}\b|\w{{3,}}ing\s+\w+).*?)[?.!\s]*$"
)
_AROUND_FIRST = re.compile(
    rf"^\W*(?i:before|after|since|until|while|when)\s+(?P<event>(?:{_SUBJECT}\s+(?:\w+\s+)?{_PAST}\b|\w{{3,}}ing\s+\w+)"
    rf"[^,]*),\s*(?P<main>.+)$"
)
_WHO = re.compile(
    r"\b(?:(?:the|a|an|my|his|her|our|their)\s+)?"
    r"(?:person|people|man|woman|guy|girl|boy|friend|colleague|coworker|neighbou?r|relative|someone|somebody|one|those"
    r"|sister|brother|cousin|aunt|uncle|boss|teacher|doctor)\s+(?:who|that)\s+(?P<clause>\w+\s+\w+[^,?.!]*)"
)

_NAMED = re.compile(r"[A-Z][\w'\u2019-]*(?:\s+[A-Z][\w'\u2019-]*)*")
_OWN = re.compile(r"['\u2019]s?\Z")
_PAIRS = re.compile(
    r"\b(?:rock (?:and|&|'?n'?) roll|bread and butter|salt and pepper|fish and chips|bed and breakfast|black and white"
    r"|drum and bass|mac and cheese|gin and tonic|trial and error|research and development)\b",
    re.IGNORECASE,
)
_HE = re.compile(r"\b(?P<word>he|she|him|his|hers|her|they|them|their)\b(?P<owns>(?=\s+[a-z]))?", re.IGNORECASE)
_POSSESSIVE = frozenset({"his", "their"})


class GoalKind(StrEnum):
    """How a goal stands to its question: clauses together are the question, a part is some of it, a name is a word;
    feedback is the question with what was found for it, a restated one is the question in a model's words.
    """

    CLAUSE = "clause"
    PART = "part"
    NAME = "name"
    FEEDBACK = "feedback"
    RESTATED = "restated"


@dataclass(frozen=True, slots=True)
class Subgoal:
    """A shorter question."""

    text: str
    kind: GoalKind


def subgoals(
    question: str, names: Sequence[str] = (), speakers: Sequence[str] = (), most: int = MOST
) -> tuple[Subgoal, ...]:
    """At most so many goals of a question, those of which it consists first; none where it has but one. `names` are the
    words of it that name somebody or something. Those of `speakers` are whom "she" means and no goals: they stand in
    no turn of their own.
    """
    text = " ".join(question.split())
    if len(text) > LONGEST:
        return ()
    found: dict[str, Subgoal] = {}
    for goal in _goals(text, names, [word for name in speakers for word in name.split()]):
        same = goal.text.casefold().strip(" ?.!")
        if same and same != text.casefold().strip(" ?.!"):
            found.setdefault(same, goal)
    return tuple(found.values())[:most]


def _goals(text: str, names: Sequence[str], speakers: Sequence[str]) -> Iterator[Subgoal]:
    clauses, people = _clauses(text), [*names, *speakers]
    if len(clauses) > 1:
        yield from (Subgoal(clause, GoalKind.CLAUSE) for clause in _named(clauses, people))
    elif (halves := _halves(text)) is not None:
        yield from (Subgoal(half, GoalKind.CLAUSE) for half in halves)
    for clause in clauses:
        yield from (Subgoal(part, GoalKind.PART) for part in _parts(clause, people))
    spelled = _names(text, names)
    if len(spelled) > 1:
        yield from (Subgoal(name, GoalKind.NAME) for name in spelled)


def _clauses(text: str) -> list[str]:
    """The clauses that ask by themselves; the text alone where a piece of it would ask nothing."""
    pieces = [piece.strip(" ,;") for piece in _JOINT.split(text)]
    pieces = [piece for piece in pieces if piece.strip(" ?.!")]
    asking = all(_QUESTION.match(piece) or _SAID.match(piece) for piece in pieces)
    if len(pieces) < 2 or not asking or any(len(piece.split()) < LEAST_WORDS for piece in pieces):
        return [text]
    return [piece if piece.endswith("?") else f"{piece.rstrip('.!')}?" for piece in pieces]


def _named(clauses: Sequence[str], names: Sequence[str]) -> Iterator[str]:
    """Each clause with the one name of the clauses before it where it says "she" or "her"."""
    known: list[str] = []
    for clause in clauses:
        own = _names(clause, names)
        said = _HE.search(clause)
        if said is None or len(known) != 1 or any(name in clause[: said.start()] for name in own):
            yield clause
        else:
            yield f"{clause[: said.start()]}{_in_place(said, known[0])}{clause[said.end() :]}"
        known += [name for name in own if name not in known]


def _in_place(match: re.Match[str], name: str) -> str:
    """The name for a pronoun, with its 's where the pronoun owns what follows."""
    word = match["word"].casefold()
    owns = word in _POSSESSIVE or word == "hers" or (word == "her" and match["owns"] is not None)
    return f"{name}'s" if owns else name


def _halves(text: str) -> tuple[str, str] | None:
    """The question once for each of "both A and B"."""
    match = _BOTH.search(text) or _BETWEEN.search(text)
    if match is None or _PAIRS.search(match.group()):
        return None
    before, after = text[: match.start()], text[match.end() :]
    one, other = (f"{before}{match[name]}{after}" for name in ("one", "other"))
    return one, other


def _parts(clause: str, names: Sequence[str]) -> Iterator[str]:
    """What happened before or after, with what is asked about it; and who somebody is that a clause describes."""
    around = _AROUND_FIRST.match(clause) or _AROUND.match(clause)
    if around is not None and len(around["main"].split()) >= LEAST_WORDS:
        yield from _named([f"{around['main'].strip(' ,?.!')}?", around["event"].strip(" ,?.!")], names)
    for match in _WHO.finditer(clause):
        yield f"Who {match['clause'].strip()}?"


def _names(text: str, names: Iterable[str]) -> list[str]:
    """The names as they stand in the text, words beside each other as one; not those of a set phrase."""
    known, phrases = set(names), [match.span() for match in _PAIRS.finditer(text)]
    found: dict[str, None] = {}
    for match in _NAMED.finditer(text):
        words = [word for word in (_OWN.sub("", part) for part in match.group().split()) if word in known]
        if words and not any(start <= match.start() < end for start, end in phrases):
            found.setdefault(" ".join(words))
    return list(found)
