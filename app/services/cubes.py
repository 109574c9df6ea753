"""A cube going out: one user's rows as lines of JSON, in one snapshot, with a hash and a signature at the end. And the
place where an import asks what may not come back.
"""

import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from app.domain.cubes import KINDS, SCHEMA, SCHEMA_VERSION, Hide, Naming, Selection, masked
from app.domain.policy import Preset
from app.domain.scope import UserScope
from app.errors import NotFoundError
from app.services import policy
from app.storage import cube_rows, cube_tables, tombstones, users
from app.storage.db import Connection

GENERATOR = "mneme-server 0.1.0"
SIGNED_WITH = "HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class Export:
    """What an export is of: whose, which part, by which encoder's vectors, when. `hide` masks secrets, if set."""

    scope: UserScope
    selection: Selection
    model: str
    dimension: int
    at: datetime
    hide: Hide | None


def check(conn: Connection, scope: UserScope, selection: Selection) -> None:
    """Raises NotFoundError for a user or a scene that was never heard of."""
    if not users.known(conn, scope):
        raise NotFoundError("There is no such user.")
    if selection.scene_id is not None and not cube_tables.has_scene(conn, scope, selection.scene_id):
        raise NotFoundError("There is no such scene.")


def lines(conn: Connection, export: Export) -> Iterator[bytes]:
    """The file line by line: header, rows in the order of their kinds, trailer. The transaction is one snapshot."""
    cube_tables.plan_for_bulk(conn)
    fields = cube_tables.columns(conn)
    values = cube_tables.values_of(export.scope, export.selection, export.model, secrets=export.hide is None)
    kinds = [kind for kind in KINDS if kind.part is None or kind.part in export.selection.parts]
    counts = {kind.name: cube_tables.count(conn, export.scope, kind, values) for kind in kinds if kind.name != "policy"}
    digest = hashlib.sha256()
    written = dict.fromkeys(counts, 0)

    def said(line: Mapping[str, Any]) -> bytes:
        raw = orjson.dumps(line) + b"\n"
        digest.update(raw)
        return raw

    yield said(_header(export, counts))
    if "policy" in export.selection.parts:
        own, holds = policy.stored(conn, export.scope)
        name = own.preset if own is not None else Preset.DEFAULT.value
        yield said({"record": "policy", "preset": name, "body": holds.model_dump(mode="json")})
        written["policy"] = 1
    hidden: set[str] = set()  # what was masked has no vector: its words could be guessed from it
    for kind in kinds:
        if kind.name == "policy":
            continue
        types = {name: column.type for name, column in fields[kind.name].items()}
        for row in cube_tables.rows(conn, export.scope, kind, fields[kind.name], values):
            if kind.name == "vector" and row["target_id"] in hidden:
                continue
            if export.hide is not None and masked(row, types, export.hide):
                if kind.name in {"event", "memory"}:
                    hidden.add(row["id"])
                row.pop("content_hash", None)
            yield said({"record": kind.name} | row)
            written[kind.name] += 1
    yield orjson.dumps(trailer(written, digest.digest(), cube_tables.signing_key(conn))) + b"\n"


def _header(export: Export, counts: Mapping[str, int]) -> dict[str, Any]:
    return {
        "record": "header",
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "generator": GENERATOR,
        "created_at": export.at.isoformat(),
        "project_id": str(export.scope.project_id),
        "user_id": export.scope.user_id,
        "selection": export.selection.told(),
        "parts": sorted(export.selection.parts),
        "secrets": "shown" if export.hide is None else "masked",
        "model": {"fingerprint": export.model, "dimension": export.dimension},
        "counts": {name: n for name, n in counts.items() if n},
    }


def trailer(counts: Mapping[str, int], digest: bytes, key: bytes | None) -> dict[str, Any]:
    """The last line: how many lines of each kind there are, SHA-256 over all bytes before it, and a signature of that
    hash with the installation's key. It proves to that installation that the file is its own and whole.
    """
    return {
        "record": "trailer",
        "counts": {name: n for name, n in counts.items() if n},
        "sha256": digest.hex(),
        "signature": None if key is None else signature(key, digest),
    }


def signature(key: bytes, digest: bytes) -> dict[str, str]:
    """Which key signs, and its HMAC-SHA256 of the hash."""
    return {
        "algorithm": SIGNED_WITH,
        "key_id": hashlib.sha256(b"key id" + key).hexdigest()[:16],
        "value": hmac.new(key, b"mneme cube" + digest, hashlib.sha256).hexdigest(),
    }


def may_not_return(
    conn: Connection, scope: UserScope, kind: str, rows: Sequence[Mapping[str, Any]], naming: Naming
) -> frozenset[int]:
    """The places of those rows of an import that an erasure forbids to come back: what was recorded before the user was
    erased, and what was erased one by one. A file of another user says nothing of what was erased here.

    `rows` are lines of one kind with their ids as they are here; those that rest on others go with them.
    """
    if not rows or not naming.same_scope:
        return frozenset()
    until = tombstones.user_erased_at(conn, scope)
    gone = {place for place, row in enumerate(rows) if until is not None and _recorded_by(row, until)}
    for target, column in ERASED_BY.get(kind, ()):
        named = [str(row[column]) for row in rows if row.get(column) is not None]
        erased = tombstones.erased(conn, scope, target, named)
        gone |= {
            place
            for place, row in enumerate(rows)
            if (at := erased.get(str(row.get(column)))) is not None and _recorded_by(row, at, unknown=True)
        }
    if kind == "speaker" and until is not None and not cube_rows.has_sessions(conn, scope):
        gone |= set(range(len(rows)))
    return frozenset(gone)


def let_return(conn: Connection, scope: UserScope, kind: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Take away the tombstones that stand against these rows (`restore_erased`); the receipts of the erasures stay."""
    tombstones.lift(conn, scope, "user", [""])
    also = (("memory", "id"),) if kind == "memory" else ()
    for target, column in (*ERASED_BY.get(kind, ()), *also):
        tombstones.lift(conn, scope, target, [str(row[column]) for row in rows if row.get(column) is not None])


# By kind of line: which tombstones name one of its columns.
ERASED_BY = {
    "session": (("session", "session_id"),),
    "event": (("session", "session_id"), ("event", "id")),
    "segment": (("session", "session_id"),),
    "candidate": (("session", "session_id"),),
    # One erased by itself is still a row, which says so; a reflection that may be derived anew is none.
    "memory": (("session", "session_id"), ("derived", "id")),
    "source": (("event", "event_id"), ("derived", "event_id")),
}


def _recorded_by(row: Mapping[str, Any], at: datetime, *, unknown: bool = False) -> bool:
    """Whether the row was recorded by then; `unknown` is the answer for a row that does not say."""
    said = next((row[name] for name in ("created_at", "recorded_at", "updated_at") if row.get(name)), None)
    return unknown if said is None else datetime.fromisoformat(str(said)) <= at
