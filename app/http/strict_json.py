"""JSON as we accept it: UTF-8 without a mark, no duplicate keys, nothing that PostgreSQL or an SDK could not hold.

What is not JSON at all raises HttpError 400; what is JSON but refused raises InvalidInputError (422) with pointers.
Called by the gate before any schema sees the body.
"""

import json
import math
import re
from typing import Any

from app.errors import FieldError, InvalidInputError
from app.http.problems import ERRORS_LIMIT, HttpError, escape

DEPTH_LIMIT = 32  # RELIABILITY 3.3: deeper rows were written and could not be read back
INTEGER_LIMIT = 2**53  # what JSON numbers carry exactly in every language
INTEGER_DIGITS = 17
NODES_LIMIT = 300_000  # values in one body: a full batch with 300 each; more would hold the interpreter too long

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')
_SURROGATE = re.compile("[\ud800-\udfff]")


class _TooLarge:
    """An integer too long to be worth parsing."""


class _Duplicated(dict[str, Any]):
    """An object in which a key came twice."""

    key: str = ""


def _integer(text: str) -> int | _TooLarge:
    return int(text) if len(text) <= INTEGER_DIGITS else _TooLarge()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) == len(pairs):
        return members
    seen: set[str] = set()
    marked = _Duplicated(members)
    for key, _ in pairs:
        if key in seen:
            marked.key = key
            break
        seen.add(key)
    return marked


def parse(body: bytes) -> Any:
    """The parsed body, or an error that says where."""
    if body.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise HttpError(400, "The body starts with a byte order mark; send plain UTF-8.", code="invalid_encoding")
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise HttpError(400, f"The body is not valid UTF-8 (byte {error.start}).", code="invalid_encoding") from error
    _check_count(body)
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_int=_integer)
    except json.JSONDecodeError as error:
        raise HttpError(
            400, f"The body is not JSON: {error.msg} (position {error.pos}).", code="invalid_json"
        ) from error
    except RecursionError as error:
        raise _refusal([FieldError("", f"nests deeper than {DEPTH_LIMIT}", "too_deep")]) from error
    errors: list[FieldError] = []
    _walk(value, "", 0, errors)
    if errors:
        raise _refusal(errors)
    return value


def check_text(text: str, pointer: str) -> list[FieldError]:
    """What makes a string unstorable."""
    if "\x00" in text:
        return [FieldError(pointer, "contains the character NUL", "nul_character")]
    if not text.isascii() and _SURROGATE.search(text):
        return [FieldError(pointer, "contains a lone surrogate, which is not a character", "lone_surrogate")]
    return []


def _refusal(errors: list[FieldError]) -> InvalidInputError:
    return InvalidInputError("The body holds values that are not accepted; `errors` says where.", errors=tuple(errors))


def _check_count(body: bytes) -> None:
    """Refuse bodies of very many values before they are made into objects."""
    if _values(body) > NODES_LIMIT and _values(_STRING.sub(b"", body)) > NODES_LIMIT:
        raise _refusal([FieldError("", f"holds more than {NODES_LIMIT} values", "too_many_values")])


def _values(body: bytes) -> int:
    return body.count(b",") + body.count(b"[") + body.count(b"{")


def _walk(value: Any, pointer: str, depth: int, errors: list[FieldError]) -> None:
    if len(errors) >= ERRORS_LIMIT:
        return
    if isinstance(value, str):
        errors += check_text(value, pointer)
    elif isinstance(value, _TooLarge):
        errors.append(FieldError(pointer, "an integer lies between -2^53 and 2^53; send others as text", "too_large"))
    elif isinstance(value, bool) or value is None:
        return
    elif isinstance(value, int):
        if abs(value) > INTEGER_LIMIT:
            errors.append(
                FieldError(pointer, "an integer lies between -2^53 and 2^53; send others as text", "too_large")
            )
    elif isinstance(value, float):
        if not math.isfinite(value):
            errors.append(FieldError(pointer, "a number must be finite", "not_finite"))
    else:
        _walk_members(value, pointer, depth + 1, errors)


def _walk_members(value: dict[str, Any] | list[Any], pointer: str, depth: int, errors: list[FieldError]) -> None:
    if depth > DEPTH_LIMIT:
        errors.append(FieldError(pointer, f"nests deeper than {DEPTH_LIMIT}", "too_deep"))
        return
    if isinstance(value, list):
        for place, member in enumerate(value):
            _walk(member, f"{pointer}/{place}", depth, errors)
        return
    if isinstance(value, _Duplicated):
        errors.append(FieldError(f"{pointer}/{escape(value.key)}", "the key comes twice", "duplicate_key"))
    for key, member in value.items():
        below = f"{pointer}/{escape(key)}"
        errors += check_text(key, below)
        _walk(member, below, depth, errors)
