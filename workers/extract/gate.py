"""Which turns are not read at all, and why. The turn itself is stored and indexed whatever this says."""

import re
from collections.abc import Sequence
from uuid import UUID

import numpy as np
import numpy.typing as npt

from app.domain.event import Event, Role
from app.domain.keytext import plain_text
from app.domain.lexical import tokens
from app.domain.policy import Policy

NOTHING_NEW = "nothing_new"
TERMS = 0.5  # what new terms count beside new meaning; SimpleMem leaves it open

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


def novelty(
    turns: Sequence[Event],
    dense: npt.NDArray[np.float32],
    before: Sequence[Event],
    before_dense: npt.NDArray[np.float32],
) -> float:
    """H(W) of SimpleMem: half the share of a window's terms that the turns before do not hold, half the distance of its
    meaning from theirs. 1 for a window with nothing before it.

    A term is any word that carries meaning, a name or a number: a list of names would call "peanuts" no news.
    """
    if not before or not len(before_dense):
        return 1.0
    said = {term for event in turns for term in tokens(plain_text(event))}
    known = {term for event in before for term in tokens(plain_text(event))}
    unheard = len(said - known) / len(said) if said else 0.0
    window, past = dense.mean(axis=0), before_dense.mean(axis=0)
    cosine = float(window @ past) / max(float(np.linalg.norm(window) * np.linalg.norm(past)), 1e-9)
    return TERMS * unheard + (1.0 - TERMS) * min(1.0, max(0.0, 1.0 - cosine))


def has_news(
    turns: Sequence[Event],
    dense: npt.NDArray[np.float32],
    before: Sequence[Event],
    before_dense: npt.NDArray[np.float32],
    policy: Policy,
) -> bool:
    """Whether a segment is read at all."""
    least = policy.gate.novelty
    return not least or novelty(turns, dense, before, before_dense) >= least


def unread(turns: Sequence[Event], policy: Policy) -> dict[UUID, str]:
    """Why each turn of a segment without news gives nothing: a reason of its own goes first."""
    return {event.id: skip_reason(event, policy) or NOTHING_NEW for event in turns}
