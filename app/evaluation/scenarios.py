"""Scenarios: small conversations with what must be understood. Reads them, asks, and judges without a model.

A text matches an entry when it holds at least one word of every group of `must`, whatever the case, and none of
`must_not` or `unless`. The dates of a memory count as part of its text.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from app.errors import InvalidInputError
from app.evaluation.dataset import OVERALL, Conversation, Question, read_lines
from app.evaluation.running import Asked, Step, unseen
from app.evaluation.scoring import Row, cost_of
from app.evaluation.systems import Item, System

LONGEST = 240  # characters of a statement that can stand alone (SPEC 6)
STALE_TOP = 3
# Words that need the conversation around them, outside of quotation marks.
LOOSE = re.compile(
    r"\b(?:i|i'm|i've|i'll|i'd|me|my|mine|we|our|you|your|today|tonight|tomorrow|yesterday|"
    r"(?:last|next|this|coming) (?:week|weekend|month|year|night|spring|summer|autumn|fall|winter|\w+day)|"
    r"\w+ (?:day|week|month|year)s? ago)\b",
    re.IGNORECASE,
)
QUOTED = re.compile(r"[\"\u201c\u201d][^\"\u201c\u201d]*[\"\u201c\u201d]")
DATES = ("event_time", "valid_from", "valid_to", "occurred_at")


@dataclass(frozen=True, slots=True)
class Scenario:
    """One conversation; the entries of `recall` are in the order of its questions."""

    kind: str
    conversation: Conversation
    now: str
    expect: dict[str, list[dict[str, Any]]]
    recall: list[dict[str, Any]]


def read(path: Path, suffix: str = "") -> list[Scenario]:
    """All scenarios. `suffix` makes the ids of users and events those of a new run."""
    try:
        return [scenario_of(line, suffix) for line in read_lines(path)]
    except (KeyError, TypeError) as error:
        raise InvalidInputError(f"{path} holds no scenarios ({error!r})") from error


def scenario_of(line: dict[str, Any], suffix: str) -> Scenario:
    """One scenario; what is asked without `as_of` is asked at its `now`."""
    user = line["user_id"] + suffix
    events = [{**event, "id": event["id"] + suffix, "user_id": user} for event in line["events"]]
    recall = line.get("recall", [])
    questions = [
        Question(
            user,
            entry["query"],
            line["kind"],
            gold=frozenset(id_ + suffix for id_ in entry.get("evidence", [])),
            answerable=entry.get("answerable") is not False,
            as_of=entry.get("as_of", line["now"]),
        )
        for entry in recall
    ]
    return Scenario(line["kind"], Conversation(user, events, questions), line["now"], line["expect"], recall)


def judge(system: System, scenarios: Sequence[Scenario], asked: Sequence[Asked], step: Step = unseen) -> list[Row]:
    """Rows of all that was checked: memories (of a system that has any) and answers, by kind and over all."""
    answers = iter(asked)
    rows: list[Row] = []
    with step("Judging", len(scenarios)) as advance:
        for done, scenario in enumerate(scenarios, 1):
            user = scenario.conversation.user_id
            active = system.memories(user, status="active", as_of=scenario.now)
            stored = system.memories(user, status="any", as_of=scenario.now)
            found = memory_checks(scenario, active, stored) if active is not None and stored is not None else []
            for entry in scenario.recall:
                found += answer_checks(scenario, entry, next(answers))
            rows += [(group, {name: value}) for name, value in found for group in (scenario.kind, OVERALL)]
            advance(done)
    for one in asked:
        rows += [(one.question.category, cost_of(one)), (OVERALL, cost_of(one))]
    return rows


Check = tuple[str, float]


def memory_checks(scenario: Scenario, active: Sequence[Item], stored: Sequence[Item]) -> list[Check]:
    """Whether what must, must no longer and must never be remembered is so."""
    texts, all_texts = [text_of(memory) for memory in active], [text_of(memory) for memory in stored]
    expect = scenario.expect
    checks: list[Check] = []
    for entry in expect.get("active", []):
        pool = all_texts if entry.get("expired_ok") else texts
        checks.append(("extracted", any_matches(pool, entry)))
    checks += [("superseded", 1.0 - any_matches(texts, entry)) for entry in expect.get("inactive", [])]
    checks += [("not_invented", 1.0 - any_matches(all_texts, entry)) for entry in expect.get("never", [])]
    checks += [("self_contained", float(stands_alone(memory["text"]))) for memory in active]
    wanted = len(expect.get("active", []))
    checks.append(("within_size", float(len(active) <= 1.5 * wanted + 2)))
    checks.append(("memories_per_statement", len(active) / max(1, wanted)))
    return checks


def answer_checks(scenario: Scenario, entry: dict[str, Any], asked: Asked) -> list[Check]:
    """Whether one question is answered by the first items, with its evidence, or refused where it must be."""
    answer, evidence, many = asked.answer, asked.question.gold, bool(entry.get("multi"))
    if not asked.question.answerable:
        return [("abstained", float(not answer.sufficient))]
    checks = [("not_refused", float(answer.sufficient))]
    top = answer.items[: entry.get("top", 5 if many else 3)]
    got = {source["client_id"] for item in top for source in item["sources"]}
    found = said(top, entry) if entry.get("must") else bool(evidence & got)
    if entry.get("as_of"):
        cut = datetime.fromisoformat(entry["as_of"])
        checks.append(("recalled_as_of", float(found and all(time <= cut for time in times_of(top)))))
    else:
        held = [text_of(item) for item in top[:STALE_TOP] if item["kind"] == "memory"]
        stale = any(any_matches(held, old) for old in scenario.expect.get("inactive", []))
        checks += [(f"stale@{STALE_TOP}", float(stale)), ("recalled", float(found))]
    if evidence:
        checks.append(("evidence@top", float(evidence <= got if many else bool(evidence & got))))
    return checks


def holds(text: str, words: Iterable[str]) -> bool:
    """Whether any of the words is part of the text, whatever the case."""
    return any(word.lower() in text.lower() for word in words)


def matches(text: str, entry: dict[str, Any]) -> bool:
    """The rule of this module's first lines."""
    refused = [*(entry.get("must_not") or []), *(entry.get("unless") or [])]
    return all(holds(text, group) for group in entry["must"]) and not holds(text, refused)


def any_matches(texts: Iterable[str], entry: dict[str, Any]) -> float:
    """1 when one of the texts matches."""
    return float(any(matches(text, entry) for text in texts))


def said(items: Sequence[Item], entry: dict[str, Any]) -> bool:
    """Whether one item says all of it; with `multi`, whether every part is said by some item."""
    texts = [text_of(item) for item in items]
    if entry.get("multi"):
        return all(any(holds(text, group) for text in texts) for group in entry["must"])
    return any(matches(text, entry) for text in texts)


def stands_alone(text: str) -> bool:
    """Whether a statement is short and needs nobody to know who speaks and when."""
    return len(text) <= LONGEST and not LOOSE.search(QUOTED.sub("", text))


def text_of(item: Item) -> str:
    """The words of an item with its dates."""
    return " ".join([item["text"], *(str(item[name]) for name in DATES if item.get(name))])


def times_of(items: Sequence[Item]) -> list[datetime]:
    """When the items and their sources were said."""
    told = [item.get("occurred_at") for item in items]
    told += [source.get("occurred_at") for item in items for source in item["sources"]]
    return [datetime.fromisoformat(time) for time in told if time]
