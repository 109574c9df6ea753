"""Another system's results, read from a JSON Lines file, so that they are scored by the same rules.

One object a line: `user_id`, `query`, `ranked` (ids of events, best first), and if known `as_of`, `max_tokens`,
`context`, `context_ids` (events that the context holds), `tokens`, `seconds`, `sufficient`, `items`.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from app.domain.tokens import count_tokens
from app.errors import InvalidInputError
from app.evaluation.dataset import Event, read_lines
from app.evaluation.systems import CONTEXT_TOKENS, Answer, Item

Key = tuple[str, str, str | None, int | None]


class Results:
    """The adapter. A line without `as_of` or `max_tokens` answers whatever those are asked to be."""

    def __init__(self, path: Path) -> None:
        self.name = path.stem
        self._path = path
        self._lines: dict[Key, dict[str, Any]] = {}
        for line in read_lines(path):
            if not isinstance(line.get("ranked"), list) or "user_id" not in line or "query" not in line:
                raise InvalidInputError(
                    f"{path}: every line needs `user_id`, `query` and a list `ranked`: {line!r:.80}"
                )
            self._lines[line["user_id"], line["query"], line.get("as_of"), line.get("max_tokens")] = line

    def add(self, events: Sequence[Event]) -> None:
        """It was done by whoever wrote the file."""

    def settle(self, user_id: str, advance: Callable[[int], None]) -> None:
        """It was done by whoever wrote the file."""

    def recall(
        self, user_id: str, query: str, *, limit: int, max_tokens: int = CONTEXT_TOKENS, as_of: str | None = None
    ) -> Answer:
        keys: list[Key] = [
            (user_id, query, when, budget) for when in dict.fromkeys((as_of, None)) for budget in (max_tokens, None)
        ]
        line = next((self._lines[key] for key in keys if key in self._lines), None)
        if line is None:
            raise InvalidInputError(f"{self._path} has no answer of {user_id} to {query!r} with {max_tokens} tokens")
        context = str(line.get("context", ""))
        return Answer(
            ranked=tuple(dict.fromkeys(map(str, line["ranked"][:limit]))),
            context=context,
            tokens=int(line["tokens"]) if "tokens" in line else count_tokens(context),
            held=frozenset(map(str, line.get("context_ids", ()))),
            seconds=float(line.get("seconds", 0.0)),
            sufficient=bool(line.get("sufficient", True)),
            items=tuple(line.get("items", ())[:limit]),
        )

    def memories(self, user_id: str, *, status: str, as_of: str) -> list[Item] | None:  # noqa: ARG002 - it has none
        return None
