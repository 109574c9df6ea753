"""Time and ids as arguments: the process context carries one of each, tests carry their own."""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

import uuid6

Clock = Callable[[], datetime]
IdSource = Callable[[], UUID]


def utc_now() -> datetime:
    """The wall clock, in UTC."""
    return datetime.now(UTC)


def new_id() -> UUID:
    """A UUIDv7 (RFC 9562): sorts by time of creation."""
    return UUID(int=uuid6.uuid7().int)
