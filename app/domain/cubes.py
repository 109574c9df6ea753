"""The lines of a cube: which kinds there are, in which order, and which of their fields are ids. Pure; used by export
and import. `docs/cubes.md` shows one of each.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid5

SCHEMA = "mneme.cube"
SCHEMA_VERSION = 1
LINE_LIMIT = 1_048_576  # bytes of one line: a turn of 65,536 characters, each escaped, with its metadata
PART_BYTES = 196_608  # of an artefact in one line, before base64


@dataclass(frozen=True, slots=True)
class LineKind:
    """One kind of line: a row of `table`. `ids` hold the id of a row, `id_lists` lists of them. `own` columns belong to
    an installation or are computed anew, so they never travel; `extra` fields are no columns. `parents` are columns
    whose rows must be there, by table. `part` is what of an export has to be asked for to get it.
    """

    name: str
    table: str
    ids: tuple[str, ...] = ()
    id_lists: tuple[str, ...] = ()
    parents: tuple[tuple[str, str], ...] = ()
    own: frozenset[str] = frozenset()
    extra: tuple[str, ...] = ()
    part: str | None = None


SCOPE = frozenset({"project_id", "user_id"})
PARTS = ("vectors", "events", "versions", "links", "blocks", "policy", "artefacts")
DEFAULT_PARTS = frozenset({"vectors", "events", "versions", "links", "blocks"})
BODY_IDS = ("event_ids", "corrects", "retracts", "targets", "ended", "invalidated", "revived")  # of a candidate's body

KINDS: tuple[LineKind, ...] = (
    LineKind("policy", "policies", own=frozenset({"project_id", "version", "updated_at"}), part="policy"),
    LineKind("session", "sessions", own=SCOPE, part="events"),
    LineKind("speaker", "speakers", own=SCOPE, part="events"),
    LineKind(
        "event", "events", ids=("id", "segment_id"), own=SCOPE | {"seq", "indexed_version"}, part="events",
    ),
    LineKind("segment", "segments", ids=("id",), id_lists=("event_ids",), own=SCOPE | {"events_hash"}, part="events"),
    LineKind("entity", "entities", ids=("id",), own=SCOPE),
    LineKind("memory", "memories", ids=("id", "superseded_by"), own=SCOPE | {"text_hash", "indexed_version"}),
    LineKind(
        "candidate", "candidates", ids=("id", "segment_id", "memory_id"), id_lists=("event_ids",), own=SCOPE,
        parents=(("segment_id", "segments"),), part="events",
    ),
    LineKind(
        "memory_entity", "memory_entities", ids=("memory_id", "entity_id"), own=SCOPE,
        parents=(("memory_id", "memories"),), extra=("normalised", "kind"),
    ),
    LineKind(
        "source", "memory_sources", ids=("memory_id", "event_id"), own=SCOPE, parents=(("memory_id", "memories"),),
        extra=("session_id", "client_id"), part="events",
    ),
    LineKind(
        "version", "memory_versions", ids=("memory_id", "candidate_id", "superseded_by"),
        own=SCOPE | {"salt", "complete"}, parents=(("memory_id", "memories"),), part="versions",
    ),
    LineKind(
        "link", "links", ids=("id", "from_id", "to_id"), own=SCOPE,
        parents=(("from_id", "memories"), ("to_id", "memories")), part="links",
    ),
    LineKind("scene", "scenes", ids=("id", "parent_id"), own=SCOPE, part="blocks"),
    LineKind(
        "scene_member", "scene_members", ids=("scene_id", "memory_id"), own=SCOPE,
        parents=(("scene_id", "scenes"), ("memory_id", "memories")), part="blocks",
    ),
    LineKind("block", "blocks", own=SCOPE, part="blocks"),
    LineKind(
        "feedback", "feedback", ids=("id", "memory_id"), own=SCOPE, parents=(("memory_id", "memories"),),
    ),
    LineKind("vector", "vectors", ids=("target_id",), own=SCOPE | {"updated_at"}, part="vectors"),
    LineKind("artefact", "artefacts", ids=("id",), own=SCOPE, part="artefacts"),
    LineKind(
        "artefact_part", "artefact_parts", ids=("artefact_id",), own=SCOPE, parents=(("artefact_id", "artefacts"),),
        part="artefacts",
    ),
)  # fmt: skip
BY_NAME = {kind.name: kind for kind in KINDS}
RANK = {kind.name: place for place, kind in enumerate(KINDS)}
OF_MEMORY = ("id", "memory_id", "from_id", "to_id", "superseded_by", "target_id")  # fields that may name a memory


FIRST_HALF = ((1 << 64) - 1) << 64  # bits of a UUID: the variant stands in the other half


@dataclass(frozen=True, slots=True)
class Naming:
    """How ids of a file become ids here: themselves where the file is of the same user, else their first half, which
    holds the time of a UUIDv7, and the second half of the UUIDv5 of the target and the old id. So the same file always
    gives the same ids, in the same order, by which ties of a ranking are broken. `salt` gives memories fresh ones
    (`duplicate`).
    """

    project_id: UUID
    user_id: str
    same_scope: bool
    salt: str = ""

    def of(self, old: str, *, memory: bool = False) -> str:
        """The id here of an id of the file."""
        salted = bool(self.salt) and memory
        if self.same_scope and not salted:
            return old
        space = uuid5(self.project_id, f"cube:{self.user_id}:{self.salt if salted else ''}")
        return str(UUID(int=(UUID(old).int & FIRST_HALF) | (uuid5(space, old).int & ~FIRST_HALF)))


def renamed(kind: LineKind, line: Mapping[str, Any], naming: Naming) -> dict[str, Any]:
    """The line with its ids as they are here."""
    row = dict(line)
    for name in kind.ids:
        if row.get(name) is not None:
            row[name] = naming.of(row[name], memory=names_memory(kind, name, row))
    for name in kind.id_lists:
        row[name] = [naming.of(i) for i in row.get(name) or ()]
    if kind.name == "candidate":
        row["body"] = _body(row.get("body") or {}, naming)
    elif kind.name == "block":
        row["lines"] = [
            entry | {"memory_id": naming.of(entry["memory_id"], memory=True)} if "memory_id" in entry else entry
            for entry in row.get("lines") or ()
        ]
    return row


def names_memory(kind: LineKind, name: str, line: Mapping[str, Any]) -> bool:
    """Whether this field of this line holds the id of a memory."""
    if name in {"memory_id", "from_id", "to_id", "superseded_by"}:
        return True
    if name == "target_id":
        return line.get("kind") == "memory"
    return name == "id" and kind.name == "memory"


def _body(body: Mapping[str, Any], naming: Naming) -> dict[str, Any]:
    events = {"event_ids", "corrects", "retracts"}
    return {
        name: [naming.of(i, memory=name not in events) for i in value] if name in BODY_IDS else value
        for name, value in body.items()
    }


@dataclass(frozen=True, slots=True)
class Selection:
    """What of a user an export holds. Nothing set means everything; times are half-open over `occurred_at`."""

    session_id: str | None = None
    agent_id: str | None = None
    scene_id: UUID | None = None
    types: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    occurred_from: Any = None
    occurred_to: Any = None
    entities: tuple[str, ...] = ()  # normalised names
    parts: frozenset[str] = field(default=DEFAULT_PARTS)

    @property
    def filtered(self) -> bool:
        """Whether it is narrowed to memories of some kind, so that turns are only those that memories rest on."""
        return bool(
            self.types or self.status or self.entities or self.occurred_from or self.occurred_to or self.scene_id
        )

    @property
    def whole(self) -> bool:
        """Whether it is the whole user."""
        return not self.filtered and self.session_id is None and self.agent_id is None

    def told(self) -> dict[str, Any]:
        """As the header says it: what is set."""
        said = {
            "session_id": self.session_id,
            "agent_id": self.agent_id,
            "scene_id": str(self.scene_id) if self.scene_id else None,
            "types": list(self.types),
            "status": list(self.status),
            "from": self.occurred_from.isoformat() if self.occurred_from else None,
            "to": self.occurred_to.isoformat() if self.occurred_to else None,
            "entities": list(self.entities),
        }
        return {name: value for name, value in said.items() if value}


Hide = Callable[[str], str]
WORDS_IN = frozenset({"text", "text[]", "json", "jsonb"})  # types of columns that can hold what somebody said
DATES = frozenset({"event_time", "valid_from", "valid_to"})  # text that was read as a date


def masked(line: dict[str, Any], types: Mapping[str, str], hide: Hide) -> bool:
    """Hide secrets in every text of the line, in place; whether anything was. `types` are those of its columns."""
    hidden = False
    for name, value in line.items():
        if not value or types[name] not in WORDS_IN or name.endswith("id") or name in DATES:
            continue
        shown = _hidden(value, hide)
        if shown != value:
            line[name], hidden = shown, True
    return hidden


def _hidden(value: Any, hide: Hide) -> Any:
    if isinstance(value, str):
        return hide(value)
    if isinstance(value, dict):
        return {key: _hidden(member, hide) for key, member in value.items()}
    if isinstance(value, list):
        return [_hidden(member, hide) for member in value]
    return value
