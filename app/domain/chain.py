"""The audit's chain: two digests of an entry and the hash that ties it to everything before it. Pure.

`head` covers what an erasure leaves (what was done, when, by whom), `body` the rest under a salt that lies beside it:
when both are gone, the digest says nothing of what it covered, and the chain still holds.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

START = bytes(32)  # what the first seal of a project follows
GONE = bytes(32)  # the body of an entry that was redacted before it was sealed


@dataclass(frozen=True, slots=True)
class Digests:
    """An entry as the chain sees it; without its salt the body cannot be told any more."""

    head: bytes
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Link:
    """One seal: the place of an entry and what it is tied to."""

    seq: int
    head: bytes
    body: bytes
    prev: bytes
    hash: bytes


def digests(head: Mapping[str, Any], body: Mapping[str, Any], salt: bytes | None) -> Digests:
    """The digests of an entry."""
    return Digests(
        sha256(_canonical(head)).digest(), None if salt is None else sha256(salt + _canonical(body)).digest()
    )


def link(seq: int, of: Digests, prev: bytes) -> Link:
    """The seal of an entry that follows `prev`."""
    body = of.body or GONE
    return Link(seq, of.head, body, prev, tied(seq, of.head, body, prev))


def tied(seq: int, head: bytes, body: bytes, prev: bytes) -> bytes:
    """SHA-256 over everything that a seal says."""
    return sha256(prev + seq.to_bytes(8) + head + body).digest()


def fault(seal: Link, prev: Link | None, entry: Digests | None, *, may_be_redacted: bool) -> str | None:
    """What is wrong with a seal, the one before it and its entry; None when nothing is.

    An entry that is gone altogether (`None`) is no fault of the chain; the caller knows whether it may be.
    """
    follows = START if prev is None else prev.hash
    wrong = {
        "a seal is missing before it": prev is not None and seal.seq != prev.seq + 1,
        "it does not follow the seal before it": seal.prev != follows,
        "the seal was changed": seal.hash != tied(seal.seq, seal.head, seal.body, seal.prev),
    }
    if entry is not None:
        wrong |= {
            "what was done, when or by whom was changed": entry.head != seal.head,
            "its words are gone without an erasure": entry.body is None and not may_be_redacted,
            "what it was about was changed": entry.body is not None and entry.body != seal.body,
        }
    return next((problem for problem, holds in wrong.items() if holds), None)


def _canonical(values: Mapping[str, Any]) -> bytes:
    """One form for one meaning; instants come from the database in UTC."""
    return json.dumps(values, sort_keys=True, default=str, ensure_ascii=False, separators=(",", ":")).encode()
