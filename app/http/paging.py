"""Cursors: opaque, bound to the route, the project and the filters. A cursor holds a position only, so a forged one can
show nothing that a list would not show; it is therefore checked strictly but not signed.
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Any, TypeVar
from uuid import UUID

from fastapi import Query

from app.domain.access import Caller
from app.errors import FieldError, InvalidInputError

DEFAULT_LIMIT = 50  # SPEC 4
Limit = Annotated[int | None, Query(ge=1, le=1000, description="items a page, 50 unless told")]
Cursor = Annotated[str | None, Query(max_length=1024, description="`next_cursor` of the page before")]

Item = TypeVar("Item")
Position = tuple[Any, ...]
_READERS: dict[type, Callable[[Any], Any]] = {datetime: datetime.fromisoformat, UUID: UUID}


class Page:
    """One request for a page: reads the cursor, knows the limit, writes the next cursor."""

    def __init__(
        self, caller: Caller, kind: str, filters: Mapping[str, Any], limit: int | None, cursor: str | None
    ) -> None:
        said = json.dumps([str(caller.project_id), kind, sorted((k, str(v)) for k, v in filters.items())])
        self._mark = sha256(said.encode()).hexdigest()[:16]
        self._cursor = cursor
        self.limit = DEFAULT_LIMIT if limit is None else limit

    def after(self, *kinds: type) -> Position | None:
        """The position after which to go on; None on the first page. Raises InvalidInputError."""
        if self._cursor is None:
            return None
        try:
            padded = self._cursor + "=" * (-len(self._cursor) % 4)
            mark, *values = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
            return _position(values if mark == self._mark else [], kinds)
        except (ValueError, TypeError, binascii.Error, RecursionError) as error:
            field = FieldError("query:cursor", "is not a cursor of this list with these filters", "bad_cursor")
            raise InvalidInputError("The cursor does not belong to this list.", errors=(field,)) from error

    def cut(self, rows: Sequence[Item], position: Callable[[Item], Sequence[Any]]) -> tuple[Sequence[Item], str | None]:
        """From up to `limit + 1` rows: those of the page, and the cursor of the next one if there is more."""
        if len(rows) <= self.limit:
            return rows, None
        kept = rows[: self.limit]
        values = [v if isinstance(v, int | str) else _text(v) for v in position(kept[-1])]
        raw = json.dumps([self._mark, *values], separators=(",", ":")).encode()
        return kept, base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _position(values: list[Any], kinds: Sequence[type]) -> Position:
    return tuple(_value(value, kind) for value, kind in zip(values, kinds, strict=True))


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _value(value: Any, kind: type) -> Any:
    if kind is int:
        if type(value) is not int or abs(value) >= 2**63:
            raise ValueError("not a number")
        return value
    if not isinstance(value, str) or "\x00" in value:
        raise ValueError("not text")
    parsed = _READERS[kind](value) if kind in _READERS else value
    if isinstance(parsed, datetime) and parsed.tzinfo is None:
        raise ValueError("a time without its offset")
    return parsed
