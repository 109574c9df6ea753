"""A cube coming in: what a file must be, what of it is taken, and what becomes of memories that are here already.

The gateway calls `check_frame` (and `check_lines` for the first lines) before it accepts a file, the import job
`check_lines` for all of them, then `write` piece by piece. Nothing is written while a line of the file is wrong.
"""

import hmac
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from app.domain.cube_check import Columns, check_header, check_line, too_long
from app.domain.cubes import BY_NAME, KINDS, LineKind, Naming, renamed
from app.domain.job import JobItem
from app.domain.memory import MemoryStatus
from app.domain.normalise import text_hash
from app.domain.policy import load_policy
from app.domain.scope import UserScope
from app.errors import FieldError, InvalidInputError
from app.services.cubes import let_return, may_not_return, signature
from app.storage import changes, cube_known, cube_rows, memory_states
from app.storage.cube_files import Piece
from app.storage.db import Connection
from app.storage.memory_states import Move

ERRORS_SHOWN = 50
CONFLICTS = ("skip", "newer", "replace", "duplicate")


@dataclass(slots=True)
class Reading:
    """How far the check of a file is: the rank of the last kind, its model with its dimension, lines by kind."""

    rank: int = 0
    model: str = ""
    dimension: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    ended: bool = False


def numbered(piece: Piece) -> Iterator[tuple[int, bytes]]:
    """The lines of a piece with their numbers, without their ends."""
    for place, raw in enumerate(piece.data.split(b"\n")):
        if raw.strip():
            yield piece.first_line + place, raw


def parse(number: int, raw: bytes) -> tuple[Any, list[FieldError]]:
    """A line as a value, or why it is none."""
    errors = too_long(number, len(raw))
    if errors:
        return None, errors
    try:
        return orjson.loads(raw), []
    except orjson.JSONDecodeError as error:
        return None, [FieldError(f"line {number}: ", f"is not JSON: {error.msg}", "invalid_json")]


def check_frame(first: bytes, last: bytes, sha256: bytes, key: bytes | None) -> dict[str, Any]:
    """The header of a file whose first and last line these are and whose other bytes have this hash.

    Raises InvalidInputError for a file that is none, is cut, was changed, or carries a signature of ours that is wrong.
    """
    header, errors = parse(1, first)
    errors = errors or check_header(header)
    end, _ = parse(0, last)
    if not errors and not (isinstance(end, dict) and end.get("record") == "trailer"):
        errors = [FieldError("last line: /record", "the last line is the trailer; the file is cut", "no_trailer")]
    if not errors and end.get("sha256") != sha256.hex():
        errors = [FieldError("last line: /sha256", "the lines before have another SHA-256", "hash_mismatch")]
    if not errors and key is not None and not _genuine(end.get("signature"), key, sha256):
        errors = [FieldError("last line: /signature", "is not the signature of these lines", "bad_signature")]
    if errors:
        raise InvalidInputError("The file is not a whole cube.", errors=tuple(errors))
    found: dict[str, Any] = header
    return found


def _genuine(said: Any, key: bytes, digest: bytes) -> bool:
    """A signature with our key must be right; none, or one of another installation, cannot be judged here."""
    if said is None:
        return True
    if not isinstance(said, dict) or not all(isinstance(value, str) for value in said.values()):
        return False
    ours = signature(key, digest)
    if said.get("key_id") != ours["key_id"]:
        return True
    return hmac.compare_digest(str(said.get("value", "")).encode(), ours["value"].encode())


def check_lines(piece: Piece, columns: Columns, reading: Reading) -> list[FieldError]:
    """What is wrong with the lines of a piece, 50 things at most; `reading` goes on with the next piece."""
    errors: list[FieldError] = []
    for number, raw in numbered(piece):
        line, wrong = parse(number, raw)
        if not wrong:
            wrong = _check_one(number, line, columns, reading)
        errors += wrong
        if len(errors) >= ERRORS_SHOWN:
            break
    return errors[:ERRORS_SHOWN]


def check_policy(piece: Piece) -> list[FieldError]:
    """What is wrong with a policy in the piece, which is to be taken over."""
    errors: list[FieldError] = []
    for number, line in policies_in(piece):
        try:
            load_policy(line["body"])
        except InvalidInputError as error:
            errors += [replace(one, pointer=f"line {number}: /body{one.pointer}") for one in error.errors]
    return errors


def policies_in(piece: Piece) -> Iterator[tuple[int, dict[str, Any]]]:
    """The policies among the lines of a checked piece, with their numbers."""
    for number, raw in numbered(piece):
        line = orjson.loads(raw) if b'"policy"' in raw else {}
        if line.get("record") == "policy":
            yield number, line


def _check_one(number: int, line: Any, columns: Columns, reading: Reading) -> list[FieldError]:
    if reading.ended:
        return [FieldError(f"line {number}: ", "follows the trailer", "order")]
    if number == 1:
        wrong = check_header(line)
        if not wrong:
            reading.model, reading.dimension = line["model"]["fingerprint"], line["model"]["dimension"]
        return wrong
    if isinstance(line, dict) and line.get("record") == "trailer":
        reading.ended = True
        return []
    wrong = check_line(number, line, columns, reading.rank, reading.model, reading.dimension)
    if not wrong:
        name = line["record"]
        reading.rank = KINDS.index(BY_NAME[name])
        reading.counts[name] = reading.counts.get(name, 0) + 1
    return wrong


@dataclass(frozen=True, slots=True)
class Rules:
    """How a file is taken. `actor` is the job; with `dry_run`, that of `job_id`, nothing is written."""

    naming: Naming
    conflict: str
    restore_erased: bool
    actor: str
    columns: Columns
    dry_run: bool = False
    job_id: UUID | None = None


@dataclass(slots=True)
class Taken:
    """What a piece did or would do: counts by kind and fate, and the items that say more."""

    counts: dict[str, int] = field(default_factory=dict)
    items: list[JobItem] = field(default_factory=list)

    def add(self, name: str, n: int = 1) -> None:
        """Count."""
        if n:
            self.counts[name] = self.counts.get(name, 0) + n


def write(conn: Connection, scope: UserScope, piece: Piece, rules: Rules) -> Taken:
    """Take the lines of a checked piece, under the user's lock; with `dry_run` only say what would be done."""
    taken = Taken()
    by_kind: dict[str, list[tuple[int, dict[str, Any]]]] = {}
    for number, raw in numbered(piece):
        line = orjson.loads(raw)
        name = line.pop("record")
        if name in BY_NAME and name != "policy":
            row = renamed(BY_NAME[name], line, rules.naming)
            by_kind.setdefault(name, []).append((number, row))
    for name, rows in by_kind.items():
        gone = frozenset[int]()
        if not rules.restore_erased:
            gone = may_not_return(conn, scope, name, [row for _, row in rows], rules.naming)
        elif not rules.dry_run:
            let_return(conn, scope, name, [row for _, row in rows])
        taken.add(f"{name}_erased_before", len(gone))
        kept = [row for place, row in enumerate(rows) if place not in gone]
        if name == "memory":
            _memories(conn, scope, kept, rules, taken)
        else:
            _others(conn, scope, name, [row for _, row in kept], rules, taken)
    return taken


def _others(  # noqa: PLR0913, PLR0917 - one step of `write`, with all that it has
    conn: Connection, scope: UserScope, name: str, lines: Sequence[dict[str, Any]], rules: Rules, taken: Taken
) -> None:
    kind = BY_NAME[name]
    if rules.dry_run:
        hanging = _without_memory(conn, scope, kind, lines, rules, taken)
        there = cube_known.count(
            conn, scope, kind, rules.columns[name], [line for line in lines if line not in hanging]
        )
        taken.add(f"{name}_unchanged", there + len(hanging))
        taken.add(f"{name}_added", len(lines) - there - len(hanging))
        return
    sealed = cube_rows.sealed_of(conn, scope, lines) if name == "version" else []
    added = cube_rows.insert(conn, scope, kind, rules.columns[name], lines)
    cube_rows.restored(conn, scope, sealed)
    taken.add(f"{name}_added", added)
    taken.add(f"{name}_unchanged", len(lines) - added)


def _without_memory(  # noqa: PLR0913, PLR0917 - one step of a dry run, with all that it has
    conn: Connection,
    scope: UserScope,
    kind: LineKind,
    lines: Sequence[dict[str, Any]],
    rules: Rules,
    taken: Taken,
) -> list[dict[str, Any]]:
    """The lines whose memory a dry run leaves out: in this piece, or in one before it."""
    fields = [column for column, table in kind.parents if table == "memories"]
    fields += ["target_id"] if kind.name == "vector" else []
    ids = {line[column] for line in lines for column in fields}
    noted = [item.target_id for item in taken.items if item.action == "skipped"]
    out = cube_known.left_out(conn, scope, rules.job_id, [*ids], noted) if ids else set[str]()
    return [line for line in lines if any(line[column] in out for column in fields)]


@dataclass(slots=True)
class _Fates:
    """What becomes of the memories of a piece; `displaced` are (memory here, the one that takes its text)."""

    fresh: list[dict[str, Any]] = field(default_factory=list)
    replaced: list[dict[str, Any]] = field(default_factory=list)
    displaced: list[tuple[str, str]] = field(default_factory=list)


def _memories(
    conn: Connection, scope: UserScope, rows: Sequence[tuple[int, dict[str, Any]]], rules: Rules, taken: Taken
) -> None:
    kind, columns = BY_NAME["memory"], rules.columns["memory"]
    fates = _decided(conn, scope, rows, rules, taken)
    if rules.dry_run:
        return
    at = changes.lock_user(conn, scope)
    for other, successor in fates.displaced:
        move = Move(MemoryStatus.MERGED, "merge", "import", rules.actor, UUID(successor), until=at, frozen=True)
        memory_states.move(conn, scope, [UUID(other)], move)
    missed = len(fates.fresh) - cube_rows.insert(conn, scope, kind, columns, fates.fresh)
    taken.add("memory_not_taken", missed)
    if fates.replaced:
        cube_rows.replace_memories(conn, scope, kind, columns, fates.replaced)
        cube_rows.record(conn, scope, [UUID(line["id"]) for line in fates.replaced], rules.actor, at)


def _decided(
    conn: Connection, scope: UserScope, rows: Sequence[tuple[int, dict[str, Any]]], rules: Rules, taken: Taken
) -> _Fates:
    by_id, by_text = cube_rows.known_memories(conn, scope, [row for _, row in rows])
    fates = _Fates()
    said: set[bytes] = set()  # a masked file may say the same twice
    for number, line in rows:
        fate, reason, other = _fate(line, by_id.get(line["id"]), by_text, rules)
        words = text_hash(line["text"]) if line["status"] == MemoryStatus.ACTIVE else b""
        if fate in {"added", "replaced"} and words:
            if words in said:
                fate, reason, other = "skipped", "same_text", None
            said.add(words)
        if fate in {"added", "replaced"}:
            (fates.fresh if fate == "added" else fates.replaced).append(line)
            fates.displaced += [(other, line["id"])] if other is not None else []
        taken.add(f"memory_{fate}")
        if reason:
            detail: dict[str, Any] = {"line": number} | ({"other": other} if other else {})
            taken.items.append(JobItem(scope.user_id, "memory", line["id"], fate, reason, detail))
    return fates


def _fate(
    line: Mapping[str, Any], known: Mapping[str, Any] | None, by_text: Mapping[bytes, Mapping[str, Any]], rules: Rules
) -> tuple[str, str, str | None]:
    """What becomes of a memory: added, unchanged, skipped or replaced; why; and the other that says the same."""
    updated = datetime.fromisoformat(line["updated_at"])
    fate, reason = _against_itself(known, updated, rules)
    if fate in {"unchanged", "skipped"} or line["status"] != MemoryStatus.ACTIVE:
        return fate, reason, None
    twin = by_text.get(text_hash(line["text"]))
    if twin is None or twin["id"] == line["id"]:
        return fate, reason, None
    if rules.conflict in {"skip", "duplicate"} or (rules.conflict == "newer" and twin["updated_at"] >= updated):
        return "skipped", "same_text", str(twin["id"])
    return fate, "displaces_same_text", str(twin["id"])


def _against_itself(known: Mapping[str, Any] | None, updated: datetime, rules: Rules) -> tuple[str, str]:
    """What becomes of it as far as a memory of the same id decides."""
    if known is None:
        return "added", ""
    if known["status"] == MemoryStatus.ERASED:
        return ("replaced", "restored") if rules.restore_erased else ("skipped", "deleted_here")
    if known["updated_at"] == updated:
        return "unchanged", ""
    if rules.conflict in {"skip", "duplicate"}:
        return "skipped", "exists"
    return (
        ("skipped", "older") if rules.conflict == "newer" and known["updated_at"] > updated else ("replaced", "exists")
    )
