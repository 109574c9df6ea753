"""How long a session's turns wait before they are read."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from app.domain.event import Event, Role
from app.domain.policy import DEFAULT
from workers.extract.buffer import SOONEST, Ready, ready

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def turns(count: int, *, ago: float = 10.0, text: str = "I saw a bird today.") -> list[Event]:
    """Turns that arrived together, `ago` seconds before now; what they are about lies years back (an import)."""
    at = NOW - timedelta(seconds=ago)
    said = datetime(2020, 1, 1, tzinfo=UTC)
    return [Event(UUID(int=n), str(n), "u", "s", None, Role.USER, None, text, said, {}, n, at) for n in range(count)]


def rules(**changes):
    return DEFAULT.extract.model_copy(update=changes)


def test_without_a_buffer_everything_is_read_at_once():
    assert ready(turns(3), rules(), NOW) == Ready(3)
    assert ready([], rules(buffer_tokens=512), NOW) == Ready(0)


@pytest.mark.parametrize(("count", "read"), [(6, 0), (7, 7), (13, 7), (15, 14)])
def test_queues_are_read_whole(count, read):
    found = ready(turns(count), rules(buffer_events=7), NOW)
    assert found == Ready(read, 290.0)


def test_a_buffer_is_read_once_it_holds_enough():
    assert ready(turns(3), rules(buffer_tokens=512), NOW).turns == 0
    assert ready(turns(3, text="word " * 200), rules(buffer_tokens=512), NOW) == Ready(3)


def test_after_the_quiet_what_is_there_is_read():
    policy = rules(buffer_events=7, buffer_tokens=512)
    assert ready(turns(3, ago=300), policy, NOW) == Ready(3)
    assert ready(turns(3, ago=299.9), policy, NOW) == Ready(0, SOONEST)
