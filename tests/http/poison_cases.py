"""Poison as data: every row of the reliability study's table of poison inputs and of its "plus" list, and some more.

`REFUSED` are requests that must be answered with a problem: its status and, where a field is to blame, its pointer.
`ACCEPTED` are events that look dangerous and are not: they come back as they were sent. `HEADS` are raw requests.
"""

import gzip
import json
from dataclasses import dataclass, field
from typing import Any

EVENT = {"user_id": "anna", "session_id": "s1", "role": "user", "content": "Hi", "id": "e1"}
BODY_LIMIT, EVENTS_LIMIT = 1_048_576, 8_388_608


@dataclass(frozen=True)
class Refused:
    """A request and the refusal that it must get."""

    name: str
    status: int
    body: bytes = b""
    pointer: str | None = None
    method: str = "POST"
    path: str = "/v1/events"
    headers: dict[str, str] = field(default_factory=dict)


def raw(*events: str) -> bytes:
    """A batch of events written by hand."""
    return ('{"events": [' + ", ".join(events) + "]}").encode()


def literal(name: str, value: str) -> bytes:
    """The usual event with one member written by hand."""
    members = {k: json.dumps(v) for k, v in EVENT.items()} | {name: value}
    return raw("{" + ", ".join(f'"{k}": {v}' for k, v in members.items()) + "}")


def batch(**fields: Any) -> bytes:
    """The usual event with other members."""
    return json.dumps({"events": [EVENT | fields]}).encode()


def nested(depth: int) -> str:
    return '{"a": ' * depth + "1" + "}" * depth


AT = "/events/0"
TEXT_PLACES = {
    "content": ("content", '"a{}b"', f"{AT}/content"),
    "name": ("name", '"a{}b"', f"{AT}/name"),
    "user id": ("user_id", '"a{}b"', f"{AT}/user_id"),
    "metadata value": ("metadata", '{{"k": ["a{}b"]}}', f"{AT}/metadata/k/0"),
    "metadata key": ("metadata", '{{"a{}b": 1}}', None),
}
BAD_CHARACTERS = {
    "NUL": ("\\u0000", "nul_character"),
    "a lone high surrogate": ("\\ud800", "lone_surrogate"),
    "a lone low surrogate": ("\\udc00", "lone_surrogate"),
}

REFUSED: list[Refused] = [
    Refused(f"{what} in {place}", 422, literal(name, form.format(code)), pointer)
    for what, (code, _) in BAD_CHARACTERS.items()
    for place, (name, form, pointer) in TEXT_PLACES.items()
]
REFUSED += [
    Refused(f"{value} in metadata", 422, literal("metadata", f'{{"k": {value}}}'), f"{AT}/metadata/k")
    for value in ("NaN", "Infinity", "-Infinity", "1e999", "-1e999")
]
REFUSED += [
    Refused(f"an integer of {len(value)} digits", 422, literal("metadata", f'{{"k": {value}}}'), f"{AT}/metadata/k")
    for value in ("9007199254740993", "-9007199254740993", "1" + "0" * 30, "7" * 400, "7" * 5000)
]
REFUSED += [
    Refused(f"metadata {depth} deep", 422, literal("metadata", nested(depth)), None)
    for depth in (17, 33, 64, 500, 900, 5_000, 100_000)
]
REFUSED += [
    Refused("arrays 100,000 deep", 422, b"[" * 100_000 + b"]" * 100_000, None),
    Refused("arrays that never close", 422, b"[" * 100_000, None),
    Refused("2.7 million lists", 422, b"[" + b",".join([b"[]"] * 2_700_000) + b"]", ""),
    # not JSON at all
    Refused("no body", 422, b"", ""),
    Refused(
        "invalid UTF-8",
        400,
        raw('{"content": "\udcff"}'.encode(errors="surrogateescape").decode("latin-1")).replace(b"\xc3\xbf", b"\xff"),
    ),
    Refused("UTF-8 of a surrogate", 400, b'{"events": ["\xed\xa0\x80"]}'),
    Refused("an overlong NUL", 400, b'{"events": ["\xc0\x80"]}'),
    Refused("a byte order mark", 400, b"\xef\xbb\xbf" + batch()),
    Refused("UTF-16", 400, batch().decode().encode("utf-16")),
    Refused("a raw NUL", 400, batch(content="a_b").replace(b"a_b", b"a\x00b")),
    Refused("a raw newline in a string", 400, batch(content="a_b").replace(b"a_b", b"a\nb")),
    Refused("a cut body", 400, batch()[:-3]),
    Refused("two bodies", 400, batch() + batch()),
    Refused("a trailing comma", 400, b'{"events": [],}'),
    Refused("single quotes", 400, b"{'events': []}"),
    Refused("a bare word", 400, b"events"),
    # JSON of another shape
    Refused("a list as body", 422, b"[]", ""),
    Refused("null as body", 422, b"null", ""),
    Refused("a number as body", 422, b"1", ""),
    Refused("no events", 422, b"{}", "/events"),
    Refused("an empty batch", 422, b'{"events": []}', "/events"),
    Refused("1,001 events", 422, json.dumps({"events": [EVENT] * 1001}).encode(), "/events"),
    Refused(
        "10,000 events",
        422,
        json.dumps({"events": [{**EVENT, "id": str(n)} for n in range(10_000)]}).encode(),
        "/events",
    ),
    Refused("null as event", 422, b'{"events": [null]}', AT),
    Refused("an unknown field", 422, batch(colour="red"), f"{AT}/colour"),
    Refused("a field of the database", 422, batch(project_id="x"), f"{AT}/project_id"),
    Refused("__proto__ as a field", 422, batch(__proto__={}), f"{AT}/__proto__"),
    Refused("an unknown field of the body", 422, b'{"events": [], "tenant_id": 1}', "/tenant_id"),
    Refused(
        "a duplicate key",
        422,
        raw('{"user_id": "a", "user_id": "b", "session_id": "s", "role": "user", "content": "x"}'),
        f"{AT}/user_id",
    ),
    Refused("a duplicate key in metadata", 422, literal("metadata", '{"a": 1, "a": 2}'), f"{AT}/metadata/a"),
    Refused("a duplicate key by escape", 422, literal("metadata", '{"a": 1, "\\u0061": 2}'), f"{AT}/metadata/a"),
    # limits
    Refused("empty content", 422, batch(content=""), f"{AT}/content"),
    Refused("content of 65,537 characters", 422, batch(content="x" * 65_537), f"{AT}/content"),
    Refused("a text of 7 MB", 422, batch(content="x" * 7_000_000), f"{AT}/content"),
    Refused("a text of 20 MB", 413, batch(content="x" * 20_000_000)),
    Refused("one byte too many for events", 413, batch().ljust(EVENTS_LIMIT + 1)),
    Refused("one byte too many elsewhere", 413, b"{}".ljust(BODY_LIMIT + 1), path="/v1/recall"),
    Refused("100,000 keys", 422, batch(metadata={f"k{n}": n for n in range(100_000)}), f"{AT}/metadata"),
    Refused("a key of 1 MB", 422, batch(metadata={"k" * 1_000_000: 1}), f"{AT}/metadata"),
    Refused("metadata of 16 KiB and one", 422, batch(metadata={"k": "x" * (16_384 - 7)}), f"{AT}/metadata"),
    Refused("a list as metadata", 422, batch(metadata=[1]), f"{AT}/metadata"),
    Refused("a name of 257 characters", 422, batch(name="x" * 257), f"{AT}/name"),
    Refused("a number as content", 422, batch(content=1), f"{AT}/content"),
    Refused("another role", 422, batch(role="root"), f"{AT}/role"),
    Refused("a role in capitals", 422, batch(role="USER"), f"{AT}/role"),
]
# app ids
REFUSED += [
    Refused(f"the user id {value[:20]!r}", 422, batch(user_id=value), f"{AT}/user_id")
    for value in (
        "", ".", "..", "...", "a b", "a/b", "a\\b", "a%2Fb", "a\nb", "a?b", "a#b", "a;b", "a'b", 'a"b', "a$b", "a{b}",
        "\uff21nna", "анна", "zoë", "zoe\u0308", "👩", "\u202eanna", "an\u200bna", "x" * 129, " anna", "anna\n",
    )
]  # fmt: skip
REFUSED += [
    Refused(f"the {name} {value!r}", 422, batch(**{name: value}), f"{AT}/{name}")
    for name in ("session_id", "agent_id", "id")
    for value in ("a/b", "..", 7)
]
# times
REFUSED += [
    Refused(f"the time {value!r}", 422, batch(occurred_at=value), f"{AT}/occurred_at")
    for value in (
        "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "0999-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00",
        "10000-01-01T00:00:00Z", "2025-05-04T10:00:00", "2025-05-04", "2025-02-30T10:00:00Z", "2025-05-04T24:00:00Z",
        "2025-05-04T10:00:60Z", "2025-05-04T10:00:00+16:00", "2025-05-04T10:00:00+24:00", "2025-05-04 10:00:00Z",
        "2025-05-04T10:00:00.0000000001Z", "٢٠٢٥-05-04T10:00:00Z", "now", "", 1746349200, 1746349200.5, True, [],
    )
]  # fmt: skip
# other parts of a request
REFUSED += [
    Refused("a compressed body", 415, gzip.compress(batch()), headers={"Content-Encoding": "gzip"}),
    Refused("a gzip bomb", 415, gzip.compress(b" " * 50_000_000), headers={"Content-Encoding": "gzip"}),
    Refused("two content codings", 415, batch(), headers={"Content-Encoding": "br, gzip"}),
    Refused("a form", 415, b"events=1", headers={"Content-Type": "application/x-www-form-urlencoded"}),
    Refused("plain text", 415, batch(), headers={"Content-Type": "text/plain"}),
    Refused("another charset", 415, batch(), headers={"Content-Type": "application/json; charset=latin-1"}),
    Refused("a body where none belongs", 422, b"{}", "", path="/v1/jobs/01920000-0000-7000-8000-000000000000/retry"),
    Refused("an unknown query parameter", 422, batch(), "query:colour", path="/v1/events?colour=red"),
    Refused("a query parameter twice", 422, b"", "query:limit", method="GET", path="/v1/events?limit=1&limit=2"),
    Refused("a limit of words", 422, b"", "query:limit", method="GET", path="/v1/events?limit=many"),
    Refused("a limit of 0", 422, b"", "query:limit", method="GET", path="/v1/events?limit=0"),
    Refused("a limit of 1,001", 422, b"", "query:limit", method="GET", path="/v1/events?limit=1001"),
    Refused("a huge limit", 422, b"", "query:limit", method="GET", path="/v1/events?limit=" + "9" * 5000),
    Refused("a NUL in the query", 422, b"", "query:", method="GET", path="/v1/events?user_id=a%00b"),
    Refused("bad UTF-8 in the query", 422, b"", "query:", method="GET", path="/v1/events?user_id=a%ff"),
    Refused("a bad user id in the query", 422, b"", "query:user_id", method="GET", path="/v1/events?user_id=a%2Fb"),
    Refused(
        "a time without offset in the query", 422, b"", "query:from", method="GET", path="/v1/events?from=2025-01-01"
    ),
    Refused("another state", 422, b"", "query:state", method="GET", path="/v1/events?state=lost"),
    Refused(
        "an aggregate by a column of the database",
        422,
        b'{"user_id": "anna", "group_by": ["text; --"]}',
        "/group_by/0",
        path="/v1/memories/aggregate",
    ),
    Refused(
        "another signal",
        422,
        b'{"signal": "delete"}',
        "/signal",
        path="/v1/memories/01920000-0000-7000-8000-000000000000/feedback",
    ),
    Refused(
        "another action",
        422,
        b'{"action": "erase"}',
        "/action",
        path="/v1/memories/01920000-0000-7000-8000-000000000000/state",
    ),
    Refused(
        "a NUL in a reason",
        422,
        b'{"action": "archive", "reason": "a\\u0000b"}',
        "/reason",
        path="/v1/memories/01920000-0000-7000-8000-000000000000/state",
    ),
    Refused(
        "a NUL in a note",
        422,
        b'{"signal": "wrong", "note": "a\\u0000b"}',
        "/note",
        path="/v1/memories/01920000-0000-7000-8000-000000000000/feedback",
    ),
    Refused("a NUL in q", 422, b"", "query:", method="GET", path="/v1/memories?q=%00"),
    Refused(
        "10,000 query parameters",
        400,
        b"",
        method="GET",
        path="/v1/events?" + "&".join(f"p{n}=1" for n in range(10_000)),
    ),
    Refused(
        "2,000 query parameters", 414, b"", method="GET", path="/v1/events?" + "&".join(f"p{n}=1" for n in range(2000))
    ),
    Refused(
        "500 query parameters", 422, b"", method="GET", path="/v1/events?" + "&".join(f"p{n}=1" for n in range(500))
    ),
    Refused("a long path", 414, b"", method="GET", path="/v1/users/" + "a" * 5000),
    Refused("a NUL in the path", 422, b"", "path:", method="GET", path="/v1/users/a%00b"),
    Refused("%ff in the path", 422, b"", "path:", method="GET", path="/v1/users/a%ff"),
    Refused("a surrogate in the path", 422, b"", "path:", method="GET", path="/v1/users/%ed%a0%80"),
    Refused("a slash in a path's id", 404, b"", method="GET", path="/v1/users/a%2Fb"),
    Refused("a space in a path's id", 422, b"", "path:user_id", method="GET", path="/v1/users/a%20b"),
    Refused("dots in a path's id", 422, b"", "path:user_id", method="GET", path="/v1/users/%2e%2e"),
    Refused("an id that is no UUID", 422, b"", "path:event_id", method="GET", path="/v1/events/1%27%20OR%201=1"),
    Refused("an unknown route", 404, b"", method="GET", path="/v2/events"),
    Refused("a trailing slash", 404, b"", method="GET", path="/v1/events/"),
    Refused("another method", 405, b"", method="DELETE", path="/v1/events"),
    Refused("a trace", 405, b"", method="TRACE", path="/v1/events"),
    Refused("64 KB of headers", 431, batch(), headers={f"X-Filler-{n}": "x" * 8_000 for n in range(8)}),
    Refused("no key", 401, batch(), headers={"Authorization": ""}),
    Refused("a key of another form", 401, batch(), headers={"Authorization": "Bearer ' OR 1=1 --"}),
    Refused("an unknown key", 401, batch(), headers={"Authorization": "Bearer mneme_aaaaaaaaaaaa_" + "a" * 43}),
]

ACCEPTED: dict[str, dict[str, Any]] = {
    "emoji, joiners and flags": {"content": "👩‍👩‍👧‍👦 🇵🇹 1️⃣ 🏳️‍🌈"},
    "right to left": {"content": "\u202eabc\u202c שלום עולם مرحبا"},
    "zero width": {"content": "a\u200bb\u200cc\u200dd\ufeffe"},
    "NFC beside NFD": {"content": "é e\u0301"},
    "control characters": {"content": "".join(map(chr, range(1, 32))) + "\x7f\x80\x9f"},
    "white space only": {"content": " \t\n\u2003"},
    "noncharacters": {"content": "\ufffe\uffff\U0010ffff"},
    "a surrogate pair": {"content": "\U0001f600"},
    "65,536 characters": {"content": "x" * 65_536},
    "65,536 emoji": {"content": "😀" * 65_536},
    "SQL": {"content": "'; DROP TABLE events; --", "name": "Robert'); --"},
    "a template": {"content": "%s %(x)s {0} {{x}} ${x} \\u0041 \\"},
    "HTML": {"content": "<script>alert(1)</script>&amp;"},
    "commas and brackets": {"content": "[{,".ljust(65_536, ",")},
    "JSON in text": {"content": '{"events": [{"role": "system"}]}'},
    "an empty tool turn": {"role": "tool", "content": ""},
    "odd metadata keys": {
        "metadata": {"__proto__": {"x": 1}, "tenant_id": "t", "$ref": "#/x", "": 0, "a.b[0]": [], "constructor": None,
                     "project_id": "p", "%s": "%", "a'b\"c": {}, "é": "e\u0301", "~/": "/~"},
    },
    "numbers at their edges": {
        "metadata": {"max": 2**53, "min": -(2**53), "tiny": 5e-324, "big": 1.7976931348623157e308, "tenth": 0.1,
                     "minus": -0.5, "whole": 2.0, "zero": 0},
    },
    "metadata 16 deep": {"metadata": json.loads(nested(16))},
    "metadata of 16 KiB": {"metadata": {"k": "x" * (16_384 - 8)}},
    "ids of every sign": {"user_id": "Aa0_.:@+|=~-", "session_id": "..a", "agent_id": "=" * 128, "id": "~" * 128},
    "the smallest year": {"occurred_at": "1000-01-01T00:00:00+00:00"},
    "the greatest year": {"occurred_at": "8999-12-31T23:59:59.999999+00:00"},
    "the widest offsets": {"occurred_at": "2025-05-04T10:00:00+14:00"},
    "the most western offset": {"occurred_at": "2025-05-04T10:00:00.123456-12:00"},
    "an odd offset": {"occurred_at": "2025-05-04T10:00:00+05:45"},
    "a leap day": {"occurred_at": "2024-02-29T23:59:59+00:00"},
}  # fmt: skip

# What only a raw socket can send: (name, what is sent before the key's header line, the rest, the statuses it may get).
LENGTH = len(batch(id="raw"))
HEADS: list[tuple[str, bytes, bytes, set[int]]] = [
    (
        "a chunked body",
        b"POST /v1/events HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n",
        b"%x\r\n%b\r\n0\r\n\r\n" % (LENGTH, batch(id="raw")),
        {202},
    ),
    (
        "a chunked body without end",
        b"POST /v1/recall HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n",
        b"10000\r\n" + b" " * 65536 + b"\r\n" + (b"10000\r\n" + b" " * 65536 + b"\r\n") * 20,
        {413},
    ),
    (
        "a length that is a lie by 20 MB",
        b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 20000000\r\nContent-Type: application/json\r\n",
        b"{",
        {413},
    ),
    (
        "a length of 30 digits",
        b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999999999999999999999999\r\n",
        b"",
        {400, 413},
    ),
    ("raw bytes in the path", b"GET /v1/users/a\xff HTTP/1.1\r\nHost: x\r\n", b"", {400, 422}),
    (
        "a request id that is no id",
        b"GET /v1/users/nobody HTTP/1.1\r\nHost: x\r\nX-Request-ID: a b\x80\r\n",
        b"",
        {404},
    ),
    ("no HTTP", b"HELO mneme\r\n", b"", {400}),
    ("two lengths", b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n", b"{}", {400}),
]
