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

from app.domain.cubes import BY_NAME, KINDS, SCHEMA, SCHEMA_VERSION, Hide, Selection, masked
from app.domain.scope import UserScope
from app.errors import NotFoundError
from app.storage import cube_tables, policies, users
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
    if users.overview(conn, scope) is None:
        raise NotFoundError("There is no such user.")
    if selection.scene_id is not None and not cube_tables.has_scene(conn, scope, selection.scene_id):
        raise NotFoundError("There is no such scene.")


def lines(conn: Connection, export: Export) -> Iterator[bytes]:
    """The file line by line: header, rows in the order of their kinds, trailer. The transaction is one snapshot."""
    cube_tables.plan_for_bulk(conn)
    fields = cube_tables.columns(conn)
    values = cube_tables.values_of(export.scope, export.selection, export.model, secrets=export.hide is None)
    kinds = [kind for kind in KINDS if kind.part is None or kind.part in export.selection.parts]
    policy = policies.get(conn, export.scope) if "policy" in export.selection.parts else None
    counts = {kind.name: cube_tables.count(conn, export.scope, kind, values) for kind in kinds if kind.name != "policy"}
    digest = hashlib.sha256()
    written = dict.fromkeys(counts, 0)

    def said(line: Mapping[str, Any]) -> bytes:
        raw = orjson.dumps(line) + b"\n"
        digest.update(raw)
        return raw

    yield said(_header(export, counts))
    if policy is not None:
        yield said({"record": "policy", "preset": policy.preset, "body": policy.body})
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
    conn: Connection, scope: UserScope, kind: str, rows: Sequence[Mapping[str, Any]], *, restore_erased: bool
) -> frozenset[int]:
    """The places of those rows of an import that an erasure forbids to come back; with `restore_erased` none is.

    `rows` are lines of one kind with their ids as they are here. The erasure's tombstones are asked in this one place.
    """
    assert kind in BY_NAME  # noqa: S101 - lines are checked before
    if restore_erased or not rows:
        return frozenset()
    return forbidden(conn, scope, kind, rows)


def forbidden(_conn: Connection, _scope: UserScope, _kind: str, _rows: Sequence[Mapping[str, Any]]) -> frozenset[int]:
    """No erasure leaves a tombstone yet, so nothing is forbidden."""
    return frozenset()
