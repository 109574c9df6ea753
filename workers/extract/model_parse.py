"""What a model wrote, as statements: whatever stands around the JSON, and whatever of it is missing. Pure."""

import json
import re
from typing import Any

# A string that never ends reaches to the end of the text: that keeps every search linear.
_STRING = r'"(?:[^"\\]|\\.)*(?:"|\\?\Z)'
_TOKEN = re.compile(rf"{_STRING}|[{{}}]", re.DOTALL)
_TRAILING = re.compile(rf"({_STRING})|,(?=\s*[}}\]])", re.DOTALL)
_THOUGHT = re.compile(r"<(/?)(?:think|thinking|reasoning)>", re.IGNORECASE)
_DEEPEST = 6  # braces around a statement: a wrapper or two, not a tower
_MOST = 100  # statements of one segment
_LISTS = ("statements", "memories", "facts", "items", "results", "data", "output")


def statements_in(reply: str) -> list[dict[str, Any]] | None:
    """The statements of a reply; None when it holds nothing that reads as an answer (an empty list is one)."""
    text = _said_aloud(reply).strip()
    whole = _loads(text)
    found = _statements(whole)
    if found is None:
        found = _scan(text)
    if found is None and '"statements"' in text:  # something before it had an odd quotation mark
        start = text.rindex('"statements"')
        found = _scan(text[max(0, text.rfind("{", 0, start)) :])
    return found[:_MOST] if found is not None else None


def _said_aloud(reply: str) -> str:
    """What follows the last thought; before a thought that never ends, what was said before it."""
    marks = list(_THOUGHT.finditer(reply))
    ends = [mark.end() for mark in marks if mark[1]]
    if ends:
        return reply[ends[-1] :]
    return reply[: marks[0].start()] if marks else reply


def _scan(text: str) -> list[dict[str, Any]] | None:
    """Every object of the text that is complete: a wrapper counts for what is inside, the last wrapper most."""
    opened: list[int] = []
    loose: list[tuple[int, dict[str, Any]]] = []
    wrapped: list[dict[str, Any]] | None = None
    for match in _TOKEN.finditer(text):
        mark = match.group()
        if mark == "{":
            opened.append(match.start())
        elif mark == "}" and opened:
            start = opened.pop()
            if len(opened) >= _DEEPEST:
                continue
            value = _loads(text[start : match.end()])
            if _is_statement(value):
                loose = [(at, item) for at, item in loose if at < start]
                loose.append((start, value))
            elif (inside := _statements(value)) is not None:
                loose = [(at, item) for at, item in loose if at < start]
                wrapped = inside
    rest = [item for _, item in loose]
    if wrapped is None:
        bare = text.removeprefix("```json").removeprefix("```").lstrip().removeprefix("[").lstrip()
        return rest or ([] if bare.startswith("]") else None)
    return wrapped or rest


def _statements(value: Any) -> list[dict[str, Any]] | None:
    """The statements that a JSON value holds; None when it is something else."""
    if isinstance(value, list):
        items = [item for item in value if isinstance(item, dict)]
        return items if items or not value else None
    if not isinstance(value, dict):
        return None
    if _is_statement(value):
        return [value]
    for name in _LISTS:
        held = value.get(name)
        if isinstance(held, list):
            return [item for item in held if isinstance(item, dict)] if held else []
        if isinstance(held, dict):
            return _statements(held)
    return None


def _is_statement(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("text"), str) and ("turns" in value or "type" in value)


def _loads(text: str) -> Any:
    for attempt in (text, _TRAILING.sub(lambda match: match[1] or "", text)):
        try:
            return json.loads(attempt, strict=False)
        except (ValueError, RecursionError):
            continue
    return None
