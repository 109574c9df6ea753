"""The audit as it is read: acts (rows of `audit`) and changes of memories (their versions) in one order.

Changes are not written twice: a version is its own entry, and what was before it is the version before.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from app.domain import chain
from app.domain.chain import Digests
from app.domain.scope import Scope
from app.domain.versions import FIELDS, LATER
from app.storage.db import Connection, Row

ACT, CHANGE = "act", "change"
REDACTED = {"erased": True}  # the detail of an act whose user was erased

VALUES = ", ".join(f"'{name}', {{of}}.{name}" for name in FIELDS)
ACTS = """
SELECT 'act' AS kind, a.id AS ref, 0 AS version, a.at, a.user_id, a.actor, a.action, a.target_kind, a.target_id,
       a.reason, a.request_id, a.detail, a.job_id, a.salt, NULL::uuid AS candidate_id, NULL::int AS version_before,
       NULL::json AS before, NULL::json AS after, true AS complete, false AS erased
FROM audit a WHERE a.project_id = %(project)s {narrow} ORDER BY a.at, a.id LIMIT %(limit)s
"""
CHANGES = f"""
SELECT 'change' AS kind, v.memory_id AS ref, v.version, v.recorded_at AS at, v.user_id, v.actor, v.change AS action,
       'memory' AS target_kind, v.memory_id::text AS target_id, v.reason, NULL AS request_id,
       '{{{{}}}}'::jsonb AS detail,
       NULL::uuid AS job_id, v.salt, v.candidate_id, b.version AS version_before,
       CASE WHEN b.version IS NOT NULL THEN json_build_object({VALUES.format(of="b")}) END AS before,
       json_build_object({VALUES.format(of="v")}) AS after, v.complete, m.status = 'erased' AS erased
FROM (SELECT * FROM memory_versions v WHERE v.project_id = %(project)s {{narrow}}
      ORDER BY v.recorded_at, v.memory_id, v.version LIMIT %(limit)s) v
JOIN memories m ON m.id = v.memory_id
LEFT JOIN LATERAL (SELECT * FROM memory_versions p WHERE p.memory_id = v.memory_id AND p.version < v.version
    ORDER BY p.version DESC LIMIT 1) b ON true
"""
PAGE = """
SELECT e.*, s.seq, s.hash FROM ({parts} ORDER BY at, ref, version LIMIT %(limit)s) e
LEFT JOIN LATERAL (SELECT seq, hash FROM audit_seals WHERE project_id = %(project)s AND ref = e.ref
    AND version = e.version LIMIT 1) s ON true
ORDER BY e.at, e.ref, e.version
"""


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """A part of the audit; None means no narrowing. The range of times is half-open."""

    kind: str | None = None
    user_id: str | None = None
    actor: str | None = None
    action: str | None = None
    target_kind: str | None = None
    target_id: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    after: tuple[datetime, UUID, int] | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry. Of a change, `before` and `after` are what versions keep; of an erased memory they are empty. What is
    not `complete` was recorded, and sealed, before versions kept the fields of `LATER`.
    """

    kind: str
    ref: UUID
    version: int
    at: datetime
    user_id: str | None
    actor: str
    action: str
    target_kind: str
    target_id: str
    reason: str | None
    request_id: str | None
    detail: dict[str, Any]
    job_id: UUID | None
    salt: bytes | None = field(repr=False)
    candidate_id: UUID | None
    version_before: int | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    complete: bool
    erased: bool
    seq: int | None = None
    hash: bytes | None = None

    @property
    def id(self) -> str:
        """A name that no other entry has."""
        return str(self.ref) if self.kind == ACT else f"{self.ref}:{self.version}"

    @property
    def redacted(self) -> bool:
        """Whether an erasure has taken its words."""
        return self.erased or (self.kind == ACT and self.detail == REDACTED)

    @property
    def restored(self) -> bool:
        """Whether it came back from a file after its erasure, which took what was sealed of its words."""
        return self.salt == b""

    def digests(self) -> Digests:
        """What the chain keeps of it."""
        head = {"kind": self.kind, "ref": self.ref, "version": self.version, "at": self.at, "actor": self.actor}
        after = self.after
        if after is not None and not self.complete:
            after = {name: value for name, value in after.items() if name not in LATER}
        body = {
            "action": self.action, "user_id": self.user_id, "target_kind": self.target_kind,
            "target_id": self.target_id, "reason": self.reason, "request_id": self.request_id, "detail": self.detail,
            "job_id": self.job_id, "candidate_id": self.candidate_id, "after": after,
        }  # fmt: skip
        return chain.digests(head | {"action": self.action}, body, None if self.redacted else self.salt or None)


def page(conn: Connection, scope: Scope, query: AuditQuery) -> list[Entry]:
    """Entries of the project, the oldest first."""
    return _read(conn, scope, query, "", {})


def unsealed(conn: Connection, scope: Scope, since: datetime | None, limit: int) -> list[Entry]:
    """Entries without a seal that happened at or after `since` (None: ever), the oldest first."""
    # One look into the unique index for each entry, whatever the planner knows of a table that grows by the minute.
    missing = (
        " AND (SELECT s.seq FROM audit_seals s WHERE s.project_id = %(project)s AND s.ref = {ref}"
        " AND s.version = {version} LIMIT 1) IS NULL"
    )
    return _read(conn, scope, AuditQuery(start=since, limit=limit), missing, {})


def by_refs(conn: Connection, scope: Scope, refs: Sequence[tuple[UUID, int]]) -> dict[tuple[UUID, int], Entry]:
    """These entries, as far as they are still there."""
    chosen = (
        " AND {ref} = ANY (%(refs)s::uuid[])"
        " AND ({ref}, {version}) IN (SELECT * FROM unnest(%(refs)s::uuid[], %(numbers)s::int[]))"
    )
    values = {"refs": [ref for ref, _ in refs], "numbers": [version for _, version in refs]}
    found = _read(conn, scope, AuditQuery(limit=len(refs)), chosen, values)
    return {(entry.ref, entry.version): entry for entry in found}


def taken_out(conn: Connection, scope: Scope, refs: Sequence[tuple[UUID, int]]) -> set[tuple[UUID, int]]:
    """Those of these entries, which are not there, that nothing of ours takes away: an act always stays, a version as
    long as its memory, unless an import brought the memory back after it, or all of its user, was erased.
    """
    rows = conn.execute(
        "SELECT x.ref, x.version FROM unnest(%(refs)s::uuid[], %(numbers)s::int[]) AS x (ref, version)"
        " WHERE x.version = 0 OR EXISTS (SELECT 1 FROM memories m WHERE m.id = x.ref AND m.project_id = %(project)s"
        " AND NOT EXISTS (SELECT 1 FROM erasures e WHERE e.project_id = m.project_id AND e.user_id = m.user_id"
        " AND e.target_kind = 'user') AND NOT EXISTS (SELECT 1 FROM memory_versions v WHERE v.memory_id = m.id"
        " AND v.change = 'replace' AND v.reason = 'import'))",
        {
            "refs": [ref for ref, _ in refs],
            "numbers": [version for _, version in refs],
            "project": scope.project_id,
        },
    ).fetchall()
    return {(row["ref"], row["version"]) for row in rows}


def fill_salts(conn: Connection, scope: Scope, refs: Sequence[tuple[UUID, int]]) -> None:
    """Give versions of before the chain their salt."""
    conn.execute(
        "UPDATE memory_versions v SET salt = uuid_send(gen_random_uuid())"
        " FROM unnest(%s::uuid[], %s::int[]) AS x (ref, version)"
        " WHERE v.memory_id = x.ref AND v.version = x.version AND v.project_id = %s AND v.salt IS NULL",
        ([ref for ref, _ in refs], [version for _, version in refs], scope.project_id),
    )


def _read(conn: Connection, scope: Scope, query: AuditQuery, also: str, values: dict[str, Any]) -> list[Entry]:
    names = {
        ACT: {"at": "a.at", "actor": "a.actor", "action": "a.action", "user": "a.user_id", "ref": "a.id",
              "version": "0", "kind": "a.target_kind", "target": "a.target_id"},
        CHANGE: {"at": "v.recorded_at", "actor": "v.actor", "action": "v.change", "user": "v.user_id",
                 "ref": "v.memory_id", "version": "v.version", "kind": "'memory'", "target": "v.memory_id::text"},
    }  # fmt: skip
    parts = []
    for kind, source in ((ACT, ACTS), (CHANGE, CHANGES)):
        if query.kind in {None, kind}:
            of = names[kind]
            narrow = _narrow(query, of) + also.format(**of)
            parts.append(f"SELECT * FROM ({source.format(narrow=narrow)}) {kind}s")
    rows = conn.execute(
        PAGE.format(parts=" UNION ALL ".join(parts)),
        {
            "project": scope.project_id,
            "user": query.user_id,
            "actor": query.actor,
            "action": query.action,
            "target_kind": query.target_kind,
            "target": query.target_id,
            "start": query.start,
            "end": query.end,
            "limit": query.limit,
        }
        | dict(zip(("after_at", "after_ref", "after_version"), query.after or (None, None, None), strict=True))
        | values,
    ).fetchall()
    return [_entry(row) for row in rows]


def _narrow(query: AuditQuery, of: dict[str, str]) -> str:
    conditions = {
        f"{of['user']} = %(user)s": query.user_id,
        f"{of['actor']} = %(actor)s": query.actor,
        f"{of['action']} = %(action)s": query.action,
        f"{of['kind']} = %(target_kind)s": query.target_kind,
        f"{of['target']} = %(target)s": query.target_id,
        f"{of['at']} >= %(start)s": query.start,
        f"{of['at']} < %(end)s": query.end,
        f"({of['at']}, {of['ref']}, {of['version']}) > (%(after_at)s, %(after_ref)s, %(after_version)s)": query.after,
    }
    return "".join(f" AND {condition}" for condition, value in conditions.items() if value is not None)


def _entry(row: Row) -> Entry:
    salt, hash_ = row.pop("salt"), row.pop("hash")
    return Entry(
        **row,
        salt=bytes(salt) if salt is not None else None,
        hash=bytes(hash_) if hash_ is not None else None,
    )
