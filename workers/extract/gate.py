"""Which turns are not read at all, and why. The turn itself is stored and indexed whatever this says."""

import re

from app.domain.event import Event, Role
from app.domain.policy import Policy

_WORD = re.compile(r"[^\W_]+")
_LETTER = re.compile(r"[^\W\d_]")
_CODE_ONLY = re.compile(r"\A\s*```.*```\s*\Z", re.DOTALL)


def skip_reason(event: Event, policy: Policy) -> str | None:  # noqa: PLR0911 - one return for each reason
    """The reason to leave a turn unread, or None to read it.

    An assistant with a human name is a second person talking; one without says nothing about its own life.
    """
    if event.role is Role.TOOL:
        return "tool_output"
    if event.role is Role.SYSTEM:
        return "system_message"
    if not event.content.strip():
        return "empty"
    if event.role is Role.ASSISTANT and not event.name and not policy.extract.assistant_statements:
        return "assistant"
    if not policy.gate.enabled:
        return None
    if _CODE_ONLY.match(event.content):
        return "code"
    words = len(_WORD.findall(event.content))
    if not _LETTER.search(event.content) or words < policy.gate.min_words:
        return "too_short"
    return "pasted_text" if words > policy.gate.max_words else None
