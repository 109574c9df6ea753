"""What a memory must do to be measured: take events, answer questions with ranked sources and a context.

Three of them: Mneme over HTTP (`over_http`), BM25 over the turns (`baseline`), and results in a file (`from_file`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from app.evaluation.dataset import Event

Item = dict[str, Any]  # an item or a memory as SPEC 4 shows it
CONTEXT_TOKENS = 1_000  # the budget of a recall that names none (SPEC 4)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a system says to a question.

    `ranked` are ids of events, best first, each once; `held` the events that `context` holds or cites; `tokens` counts
    `context` in o200k; `seconds` is what the caller waited. `items` is what it ranked, where it shows that.
    """

    ranked: tuple[str, ...]
    context: str
    tokens: int
    held: frozenset[str]
    seconds: float
    sufficient: bool
    items: tuple[Item, ...] = ()


class System(Protocol):
    """One memory under test. Ids of users and events are those of the data set."""

    name: str

    def add(self, events: Sequence[Event]) -> None:
        """Take the events of one user, in order; may be repeated."""

    def settle(self, user_id: str, advance: Callable[[int], None]) -> None:
        """Return when everything that was added for the user is understood; `advance` is told how many events are."""

    def recall(
        self, user_id: str, query: str, *, limit: int, max_tokens: int = CONTEXT_TOKENS, as_of: str | None = None
    ) -> Answer:
        """Answer with at most `limit` items and a context of at most `max_tokens`."""

    def memories(self, user_id: str, *, status: str, as_of: str) -> list[Item] | None:
        """What it remembers (`active` or `any`) at that time; None when it keeps no statements to look at."""
