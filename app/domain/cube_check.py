"""Whether a line of a cube can be taken: its kind, its place, its fields by the types of their columns. Pure; used by
import before anything is written.
"""

import base64
import binascii
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from app.domain.blocks import BlockKey, BlockKind
from app.domain.change import Decision
from app.domain.cube_numbers import check_numbers, check_vectors
from app.domain.cubes import BODY_IDS, BY_NAME, LINE_LIMIT, RANK, SCHEMA, SCHEMA_VERSION, LineKind
from app.domain.dates import CalendarDate
from app.domain.event import EventState, Role
from app.domain.feedback import FeedbackSignal
from app.domain.memory import MemoryStatus, MemoryType
from app.errors import FieldError

TEXT_LIMIT = 65_536  # characters; SPEC 4 for what was said, and nothing else is longer
DEPTH = 24  # of json values: metadata nests 16 deep
SESSION_IDS = re.compile(r"[A-Za-z0-9_.:@+|=~-]{1,128}")
APP_IDS = frozenset({"session_id", "agent_id"})
CHOICES: dict[tuple[str, str], frozenset[str]] = {
    ("memory", "type"): frozenset(MemoryType),
    ("memory", "status"): frozenset(MemoryStatus) - {MemoryStatus.ERASED},
    ("version", "type"): frozenset(MemoryType),
    ("version", "status"): frozenset(MemoryStatus) - {MemoryStatus.ERASED},
    ("event", "role"): frozenset(Role),
    ("event", "state"): frozenset(EventState),
    ("candidate", "state"): frozenset({"open", "decided"}),
    ("candidate", "decision"): frozenset(Decision),
    ("vector", "kind"): frozenset({"event", "memory"}),
    ("feedback", "signal"): frozenset(FeedbackSignal),
    ("link", "type"): frozenset(
        {"similar", "causal", "temporal", "part_of", "mentions", "contradicts", "derived_from"}
    ),
}
_INTEGERS = {"smallint": 2**15 - 1, "integer": 2**31 - 1, "bigint": 2**63 - 1}


@dataclass(frozen=True, slots=True)
class Column:
    """A column as the database has it: the name of its type, and whether a line must give it."""

    type: str
    required: bool
    nullable: bool


Columns = Mapping[str, Mapping[str, Column]]  # by kind of line, then by field


def check_header(line: Any) -> list[FieldError]:
    """What is wrong with the first line of a file."""
    if not isinstance(line, dict) or line.get("record") != "header":
        return [FieldError("line 1: /record", "the first line is the header", "no_header")]
    if line.get("schema") != SCHEMA:
        return [FieldError("line 1: /schema", f"is not {SCHEMA}", "unknown_schema")]
    version = line.get("schema_version")
    if type(version) is not int or not 1 <= version <= SCHEMA_VERSION:
        return [
            FieldError("line 1: /schema_version", f"this service reads versions 1 to {SCHEMA_VERSION}", "newer_schema")
        ]
    errors = []
    if not _is_uuid(line.get("project_id")):
        errors.append(FieldError("line 1: /project_id", "is not a UUID", "invalid"))
    if not isinstance(line.get("user_id"), str) or not SESSION_IDS.fullmatch(line["user_id"]):
        errors.append(FieldError("line 1: /user_id", "is not an id of a user", "invalid"))
    model = line.get("model")
    if not isinstance(model, dict) or not isinstance(model.get("fingerprint"), str):
        errors.append(FieldError("line 1: /model/fingerprint", "is missing", "missing"))
    elif type(model.get("dimension")) is not int or not 1 <= model["dimension"] <= 65_536:
        errors.append(FieldError("line 1: /model/dimension", "is not a dimension", "invalid"))
    return errors


def check_line(  # noqa: PLR0913, PLR0917 - the line and all that it is held against
    number: int, line: Any, columns: Columns, rank: int, model: str, dimension: int
) -> list[FieldError]:
    """What is wrong with a line between header and trailer; `rank` is that of the line before."""
    if not isinstance(line, dict):
        return [FieldError(f"line {number}: ", "is not a JSON object", "invalid")]
    kind = BY_NAME.get(line["record"]) if isinstance(line.get("record"), str) else None
    if kind is None:
        return [FieldError(f"line {number}: /record", "is not a kind of line", "unknown_record")]
    if RANK[kind.name] < rank:
        return [FieldError(f"line {number}: /record", "comes too late: parents stand before children", "order")]
    known = columns[kind.name]
    errors = [
        FieldError(f"line {number}: /{name}", f"is no field of a {kind.name}", "unknown")
        for name in line
        if name != "record" and name not in known
    ]
    for name, column in known.items():
        if name not in line:
            if column.required:
                errors.append(FieldError(f"line {number}: /{name}", "is missing", "missing"))
            continue
        problem = _problem(kind, name, line[name], column)
        if problem:
            errors.append(FieldError(f"line {number}: /{name}", problem, "invalid"))
    if not errors:
        errors += _together(number, kind, line, model, dimension)
    return errors


DATES = ("event_time", "valid_from", "valid_to")
WIDEST = 57_540  # seconds of a UTC offset: 15:59


def _together(number: int, kind: LineKind, line: Mapping[str, Any], model: str, dimension: int) -> list[FieldError]:
    """What is wrong with fields that are right each by itself."""
    errors = check_numbers(number, kind.name, line) + check_vectors(number, kind.name, line, model, dimension)
    dated = DATES if kind.name in {"memory", "version"} else ()
    errors += [
        FieldError(f"line {number}: /{name}", "is no date of this precision", "invalid")
        for name in dated
        if not _date(line.get(name), line.get(f"{name}_precision"))
    ]
    if kind.name == "memory" and not line["text"].strip():
        errors.append(FieldError(f"line {number}: /text", "says nothing", "invalid"))
    if abs(line.get("utc_offset") or 0) > WIDEST:
        errors.append(FieldError(f"line {number}: /utc_offset", "lies between -57540 and 57540", "invalid"))
    errors += [
        FieldError(f"line {number}: /{name}", "is not an object", "invalid")
        for name in ("metadata", "provenance")
        if name in line and not isinstance(line[name], dict)
    ]
    if kind.name == "block" and not _is_block(line["session_id"], line["kind"]):
        errors.append(FieldError(f"line {number}: /kind", "is no kind of block", "invalid"))
    if kind.name == "block" and not _block_lines(line.get("lines")):
        errors.append(FieldError(f"line {number}: /lines", "are not lines of a block", "invalid"))
    return errors


def _is_block(session_id: str, kind: str) -> bool:
    try:
        return BlockKey.of(session_id, kind).kind in BlockKind
    except ValueError:
        return False


def _block_lines(lines: Any) -> bool:
    return isinstance(lines, list) and all(
        isinstance(entry, dict) and _is_uuid(entry.get("memory_id")) and isinstance(entry.get("theme", ""), str)
        for entry in lines
    )


def _date(text: Any, precision: Any) -> bool:
    """Whether the text is a date of that precision; both may be missing together."""
    if text is None or precision is None:
        return text is None and precision is None
    try:
        return bool(CalendarDate.parse(text).precision == precision)
    except ValueError:
        return False


def _problem(kind: LineKind, name: str, value: Any, column: Column) -> str | None:
    if value is None:
        return None if column.nullable else "may not be null"
    problem = TYPES.get(column.type, lambda _: f"is of a type that no line can carry ({column.type})")(value)
    if problem:
        return problem
    if isinstance(value, str) and column.type == "text":
        return _word(kind, name, value)
    return _body(value) if name == "body" and kind.name == "candidate" else None


def _word(kind: LineKind, name: str, value: str) -> str | None:
    choices = CHOICES.get((kind.name, name))
    if choices is not None and value not in choices:
        return "is none of " + ", ".join(sorted(choices))
    if len(value) > TEXT_LIMIT:
        return f"has more than {TEXT_LIMIT} characters"
    return "is not an id of an app" if name in APP_IDS and value and not SESSION_IDS.fullmatch(value) else None


def _body(body: Any) -> str | None:
    """A candidate's statement: what reading it again needs."""
    if not isinstance(body, dict):
        return "is not an object"
    for name in BODY_IDS:
        if name in body and not (isinstance(body[name], list) and all(_is_uuid(i) for i in body[name])):
            return f"has {name} that are no ids"
    if not isinstance(body.get("text"), str) or body.get("type") not in frozenset(MemoryType):
        return "has no text or no type"
    undated = [name for name in DATES if not _body_date(body.get(name))]
    if _moment(body.get("occurred_at")) or undated:
        return "has a time that is none"
    missing = [name for name in BODY_FIELDS if name not in body]
    return f"lacks {missing[0]}" if missing else None


BODY_FIELDS = (
    "event_ids", "subject", "attribute", "value", "single_valued", "negated", "event_time", "valid_from", "valid_to",
    "importance", "confidence", "entities", "session_id", "agent_id",
)  # fmt: skip


def _body_date(date: Any) -> bool:
    return date is None or (isinstance(date, dict) and _date(date.get("text"), date.get("precision")))


def _is_uuid(value: Any) -> bool:
    if not isinstance(value, str) or len(value) != 36:
        return False
    try:
        return str(UUID(value)) == value
    except ValueError:
        return False


def _text(value: Any) -> str | None:
    if not isinstance(value, str):
        return "is not text"
    return "contains the character NUL" if "\x00" in value else None


def _moment(value: Any) -> str | None:
    if not isinstance(value, str) or len(value) > 40:
        return "is not a time"
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return "is not a time"
    if moment.tzinfo is None:
        return "is a time without its offset"
    return None if 1000 <= moment.year < 9000 else "is not between the years 1000 and 8999"


def _number(value: Any) -> str | None:
    fits = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and abs(value) < 3e38
    return None if fits else "is not a number"


def _integer(limit: int) -> Callable[[Any], str | None]:
    return lambda value: None if type(value) is int and -limit <= value <= limit else "is not an integer of this size"


def _base64(value: Any) -> str | None:
    try:
        return None if base64.b64decode(value, validate=True) is not None else ""
    except (binascii.Error, TypeError, ValueError):
        return "is not base64"


def _list(of: Callable[[Any], str | None]) -> Callable[[Any], str | None]:
    return lambda value: (
        None if isinstance(value, list) and not any(of(entry) for entry in value) else "is not a list of such values"
    )


def _json(value: Any, depth: int = 0) -> str | None:
    if depth > DEPTH:
        return f"nests deeper than {DEPTH}"
    if isinstance(value, str):
        return "contains the character NUL" if "\x00" in value else None
    members = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else []
    return next((problem for member in members if (problem := _json(member, depth + 1))), None)


TYPES: dict[str, Callable[[Any], str | None]] = {
    "uuid": lambda value: None if _is_uuid(value) else "is not a UUID",
    "text": _text,
    "timestamp with time zone": _moment,
    "real": _number,
    "double precision": _number,
    "boolean": lambda value: None if isinstance(value, bool) else "is neither true nor false",
    "bytea": _base64,
    "text[]": _list(_text),
    "uuid[]": _list(lambda value: None if _is_uuid(value) else "no"),
    "json": _json,
    "jsonb": _json,
} | {name: _integer(limit) for name, limit in _INTEGERS.items()}


def too_long(number: int, size: int) -> list[FieldError]:
    """A line that is longer than any that an export writes."""
    return (
        [FieldError(f"line {number}: ", f"has more than {LINE_LIMIT} bytes", "too_long")] if size > LINE_LIMIT else []
    )
