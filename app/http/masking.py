"""Secrets never leave in an answer, but for an admin who asks for one event, or where the policy opens a vault."""

from collections.abc import Callable
from typing import Any

from app.domain.scope import Scope
from app.domain.secrets import mask
from app.services import policy
from app.storage.db import Connection

Mask = Callable[[str], str]


def as_is(text: str) -> str:
    """No masking."""
    return text


def masker(conn: Connection, scope: Scope, *, shown: bool = False) -> Mask:
    """The function to pass every text of an app through; `shown` leaves it as it is."""
    return as_is if shown or policy.effective(conn, scope).secrets.vault else mask


def mask_values(value: Any, hide: Mask) -> Any:
    """Metadata with its texts masked; keys, numbers and order stay."""
    if isinstance(value, str):
        return hide(value)
    if isinstance(value, dict):
        return {key: mask_values(member, hide) for key, member in value.items()}
    if isinstance(value, list):
        return [mask_values(member, hide) for member in value]
    return value
