"""The body of a chat completion as any server writes it: its text and what it cost."""

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Reply:
    """What the model wrote. Counts are None where the server gives none."""

    text: str
    tokens_in: int | None
    tokens_out: int | None


def read_reply(body: bytes) -> Reply | None:
    """The reply in a response's body, or None when the body is no chat completion."""
    try:
        answer: Any = json.loads(body.decode("utf-8", errors="replace"))
    except (ValueError, RecursionError):
        return None
    choices = answer.get("choices") if isinstance(answer, dict) else None
    first = choices[0] if isinstance(choices, list) and choices else None
    message = first.get("message") if isinstance(first, dict) else None
    if not isinstance(message, dict):
        return None
    usage = answer.get("usage")
    counts = usage if isinstance(usage, dict) else {}
    return Reply(_text(message.get("content")), _count(counts, "prompt_tokens"), _count(counts, "completion_tokens"))


def _text(content: Any) -> str:
    """A content as text; some servers send it in parts."""
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        content = "".join(part for part in parts if isinstance(part, str))
    # A lone surrogate, which JSON can escape, is no text.
    return content.encode("utf-8", errors="replace").decode() if isinstance(content, str) else ""


def _count(usage: dict[str, Any], name: str) -> int | None:
    value = usage.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10_000_000 else None
