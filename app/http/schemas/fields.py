"""Field types of request and answer models: app ids, instants, calendar dates, metadata; each with its limits."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

from app.domain.dates import CalendarDate

APP_ID_PATTERN = r"^[A-Za-z0-9_.:@+|=~-]{1,128}$"
CONTENT_LIMIT = 65_536  # characters, SPEC 4
METADATA_DEPTH = 16  # SPEC 4
METADATA_BYTES = 16_384  # SPEC 4
# Inside these years every offset, window and calendar step stays representable in Python and PostgreSQL.
EARLIEST, LATEST = datetime(1000, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
WIDEST_OFFSET = timedelta(hours=15, minutes=59)  # PostgreSQL's own limit for a zone displacement

_INSTANT = re.compile(r"(\d{4}-\d{2}-\d{2})[Tt](\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?([Zz]|[+-]\d{2}:\d{2})", re.ASCII)


class RequestModel(BaseModel):
    """Base of everything that an app sends: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class AnswerModel(BaseModel):
    """Base of everything that we answer: every field is always there."""

    model_config = ConfigDict(frozen=True)


def check_app_id(value: str) -> str:
    """Refuse `.`, `..` and their like, which proxies and clients rewrite in a path."""
    if not value.strip("."):
        raise ValueError("an id may not consist of dots only")
    return value


def parse_instant(value: Any) -> datetime:
    """An RFC 3339 instant with its offset; digits after the sixth decimal are cut. Raises ValueError."""
    if isinstance(value, datetime):
        return value
    match = _INSTANT.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("a time is an RFC 3339 string with its UTC offset, like 2025-05-04T10:00:00+01:00")
    day, clock, fraction, offset = match.groups()
    if offset[1:] == "00:00" or offset in "Zz":
        offset = "+00:00"
    moment = datetime.fromisoformat(f"{day}T{clock}.{(fraction or '')[:6]:0<6}{offset}")
    if abs(moment.utcoffset() or timedelta(0)) > WIDEST_OFFSET:
        raise ValueError("a UTC offset lies between -15:59 and +15:59")
    if not EARLIEST.replace(tzinfo=moment.tzinfo) <= moment < LATEST.replace(tzinfo=moment.tzinfo):
        raise ValueError("a time lies between the years 1000 and 8999")
    return moment


def parse_calendar_date(value: Any) -> CalendarDate:
    """`YYYY`, `YYYY-MM`, `YYYY-MM-DD` or an instant. Raises ValueError."""
    if isinstance(value, CalendarDate):
        return value
    if not isinstance(value, str):
        raise ValueError("a date is a string: YYYY, YYYY-MM, YYYY-MM-DD or an RFC 3339 instant")  # noqa: TRY004 - pydantic wants it
    if "T" in value:
        parse_instant(value)
        return CalendarDate.parse(value)
    parsed = CalendarDate.parse(value)
    if not EARLIEST.year <= int(value[:4]) < LATEST.year:
        raise ValueError("a date lies between the years 1000 and 8999")
    return parsed


def depth_of(value: Any, limit: int) -> int:
    """How deep lists and objects nest in parsed JSON, counted no further than `limit` + 1."""
    if not isinstance(value, (dict, list)) or limit < 0:
        return 0
    members = value.values() if isinstance(value, dict) else value
    return 1 + max((depth_of(member, limit - 1) for member in members), default=0)


def check_metadata(value: dict[str, Any]) -> dict[str, Any]:
    """Refuse metadata that is too deep or too large (counted as compact JSON in UTF-8)."""
    if depth_of(value, METADATA_DEPTH) > METADATA_DEPTH:
        raise ValueError(f"metadata nests at most {METADATA_DEPTH} deep")
    size = len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())
    if size > METADATA_BYTES:
        raise ValueError(f"metadata is at most {METADATA_BYTES} bytes as JSON")
    return value


AppId = Annotated[str, Field(pattern=APP_ID_PATTERN, examples=["anna-7"]), AfterValidator(check_app_id)]
Instant = Annotated[
    datetime,
    BeforeValidator(parse_instant),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2025-05-04T10:00:00+01:00"]}),
]
DateIn = Annotated[
    CalendarDate,
    BeforeValidator(parse_calendar_date),
    WithJsonSchema(
        {"type": "string", "examples": ["2025-05"], "description": "YYYY, YYYY-MM, YYYY-MM-DD or an instant"}
    ),
]
Metadata = Annotated[dict[str, Any], AfterValidator(check_metadata)]
Flag = Annotated[bool, Field(strict=True)]
Share = Annotated[float, Field(ge=0, le=1, strict=True)]
# Answers keep the offset in which the app gave the time.
Moment = Annotated[datetime, PlainSerializer(lambda t: t.isoformat(), return_type=str, when_used="json")]


def whole(low: int, high: int) -> Any:
    """An integer between two bounds; `true` and `1.0` are not integers."""
    return Field(ge=low, le=high, strict=True)
