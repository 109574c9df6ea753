"""Whether what was found is good enough to answer from: a calibrated judgement over the best items. Pure; for recall.

A logistic model over evidence (how near, how much of the words, whether what is asked for is there at all) and over the
form of the question: short ones about the user in general, or for a name or a number, are answered less often than
those that are anchored in something that was said; what the user asks in the first person is worded much as it was
said, so covered words count there. Below a floor of nearness no form helps. Fitted by bench/calibrate.py on
development conversations for both kinds of error; the threshold accepts about 95 of 100 answerable questions about
short histories, 99 about long ones.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from app.domain.asking import Wanted, can_answer
from app.domain.lexical import query_vector

BEST = 5  # items that the evidence is taken from
SEEN = 20  # items whose words count as known
JUDGED = ("dense", "told", "session")  # signals that are read
THRESHOLD = 0.0  # of the sum of all terms
WEIGHTS: Mapping[str, float] = {
    "nearest": 1.328,
    "near": 1.477,
    "lead": 0.048,
    "covered": -0.355,
    "known": -0.412,
    "focus_known": 0.906,
    "holds": 1.301,
    "memory": 0.363,
    "told": -0.076,
    "stands_out": -0.012,
    "session": 0.933,
    "words": 0.538,
    "amount": -2.410,
    "name": -2.657,
    "which": -0.736,
    "person": -0.565,
    "place": -0.608,
    "focus": -0.533,
    "profile": -2.327,
    "own": -0.162,
    "own_words": -0.284,
    "own_covered": 3.153,
    "own_nearest": 2.446,
}
INTERCEPT = -2.890
# What is no nearer than the nearest of anything is no answer, and the more candidates there are, the nearer the nearest
# is by chance. Set by questions of one development history that were asked of another one (bench/calibrate.py).
FLOOR = 0.12
FLOOR_RISE = 0.145  # for ten times as many candidates
FLOOR_AMONG = (10, 150)
# Words that are no question have no form to judge: near enough, or mostly covered.
CLOSE = 0.24
COVERED = 0.6
COVERED_BLIND = 0.3  # share of the words that one item must hold while the encoder does not answer

_HELPERS = "is|are|was|were|did|does|do|has|have|had|will|would|can|the|to|in|of"
_FOCUS = re.compile(
    r"\b(?:what|which|how many|how much)\b(?: (?:kind|type|sort|brand|name|title|part) of)?"
    rf" ((?:(?!(?:{_HELPERS})\b)[a-z'-]+ ){{0,3}}?)(?=(?:{_HELPERS})\b|\Z)",
    re.IGNORECASE,
)
_OF_WHAT = re.compile(
    r"\bwhat(?:'s| is| was| are) (?:(?:the|her|his|their|your|my) )?(?:[\w']+'s )?((?:[a-z-]+ ?){1,3}?)"
    r"(?: of\b| for\b| in\b|\?|\Z)",
    re.IGNORECASE,
)
_QUESTION = re.compile(
    r"\?\s*\Z|\A\W*(?:who|whose|whom|what|which|when|where|why|how|is|are|was|were|do|does|did|has|have|had|will|would"
    r"|can|could|should)\b",
    re.IGNORECASE,
)
_VAGUE = "name kind type number user"
_AMOUNT = re.compile(r"\bhow (?:many|much|old)\b", re.IGNORECASE)
_NAME = re.compile(r"\bname", re.IGNORECASE)
_USER = re.compile(r"\bthe user\b", re.IGNORECASE)
_WHICH = re.compile(r"\Awhich\b", re.IGNORECASE)
_OWN = re.compile(r"\b(?:i|my|me|mine|we|our|us|i'm|i've)\b", re.IGNORECASE)  # asked as the user speaks


@dataclass(frozen=True, slots=True)
class Support:
    """What one of the ranked items offers, best first: its cosine and whether it is a memory, its words (term ids), its
    text, its place in the blend, and the signals that the judgement reads.
    """

    dense: float
    memory: bool
    terms: frozenset[int]
    text: str
    total: float
    signals: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict, how far it is from the threshold, and the features that it was made from (for a trace)."""

    sufficient: bool
    margin: float
    features: Mapping[str, float]


NOTHING = Judgement(sufficient=False, margin=-10.0, features={})


def judge(  # noqa: PLR0913 - the question as it was read, and what was found
    question: str,
    lexical: str,
    wanted: Wanted,
    supports: Sequence[Support],
    *,
    names: Sequence[str] = (),
    among: int = 0,
    blind: bool = False,
) -> Judgement:
    """The verdict over ranked items, the best of `among` candidates; never sufficient for none. `blind`: there are no
    cosines. A question that holds nothing but names is answered by what names them.
    """
    if not supports:
        return NOTHING
    words = _terms(lexical) - _vague()
    if blind:
        best = max(_share(words, support.terms) for support in supports[:BEST])
        return Judgement(best >= COVERED_BLIND, best - COVERED_BLIND, {"covered": best})
    features = features_of(question, words, wanted, supports)
    if words and names and features["covered"] >= 1.0 and words <= _terms(" ".join(names)):
        return Judgement(sufficient=True, margin=0.0, features=features)
    if not _QUESTION.search(question):
        near = max(features["nearest"] - CLOSE, features["covered"] - COVERED)
        return Judgement(near >= 0, near, features)
    floor = floor_of(among)
    margin = INTERCEPT + sum(weight * features[name] for name, weight in WEIGHTS.items())
    margin = min(margin, features["nearest"] - floor)
    return Judgement(margin >= THRESHOLD, margin, features | {"floor": floor})


def floor_of(among: int) -> float:
    """The cosine below which nothing is known."""
    least, most = FLOOR_AMONG
    return FLOOR + FLOOR_RISE * math.log10(max(least, min(most, among)) / least)


def features_of(question: str, words: frozenset[int], wanted: Wanted, supports: Sequence[Support]) -> dict[str, float]:
    """Evidence and form as numbers."""
    top = supports[:BEST]
    cosines = sorted((support.dense for support in supports), reverse=True)
    known = frozenset[int]().union(*(support.terms for support in supports[:SEEN]))
    focus = focus_of(question)
    rest = [support.total for support in supports[1 : BEST + 1]]
    nearest = cosines[:BEST]
    holders = wanted in {Wanted.TIME, Wanted.AMOUNT, Wanted.COUNT, Wanted.PLACE, Wanted.PERSON}
    own, covered = float(bool(_OWN.search(question))), max(_share(words, support.terms) for support in top)
    nearest_one, length = max(support.dense for support in top), float(len(question.split()))
    return {
        "nearest": nearest_one,
        "near": sum(nearest) / len(nearest),
        "lead": supports[0].total - sum(rest) / len(rest) if rest else 0.0,
        "covered": covered,
        "known": _share(words, known),
        "focus_known": _share(focus, known) if focus else 0.5,
        "holds": max(float(can_answer(support.text, wanted)) for support in top[:3]) if holders else 0.5,
        "memory": max((support.dense for support in top if support.memory), default=0.0),
        "told": sum(support.signals.get("told", 0.0) for support in top),
        "stands_out": max(support.signals.get("dense", 0.0) for support in top),
        "session": max(support.signals.get("session", 0.0) for support in top),
        "words": length,
        "amount": float(bool(_AMOUNT.search(question))),
        "name": float(bool(_NAME.search(question))),
        "which": float(bool(_WHICH.search(question))),
        "person": float(wanted is Wanted.PERSON),
        "place": float(wanted is Wanted.PLACE),
        "focus": float(bool(focus)),
        "profile": float(bool(_USER.search(question))),
        "own": own,
        "own_words": own * length,
        "own_covered": own * covered,
        "own_nearest": own * nearest_one,
    }


def focus_of(question: str) -> frozenset[int]:
    """The terms of the thing asked for: "breed" in "What breed is the dog?"."""
    found = ""
    for pattern in (_FOCUS, _OF_WHAT):
        match = pattern.search(question)
        if match and match[1].strip():
            found = match[1]
            break
    return _terms(found) - _vague()


@lru_cache(maxsize=1)
def _vague() -> frozenset[int]:
    return _terms(_VAGUE)


def _terms(text: str) -> frozenset[int]:
    return frozenset(query_vector(text).indices.tolist())


def _share(words: frozenset[int], held: frozenset[int]) -> float:
    return len(words & held) / len(words) if words else 0.0
