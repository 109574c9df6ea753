"""Whatever a user has comes back: random rows of every kind, exported, taken into another project, exported again."""

import base64
import json
import struct
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4, uuid5

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain.cube_check import TYPES
from app.domain.cubes import BY_NAME, DEFAULT_PARTS, KINDS, PARTS, Naming, Selection
from app.domain.memory import MemoryStatus, MemoryType
from app.domain.scope import UserScope
from app.services import cube_import, cubes
from app.services.cubes import Export
from app.storage import changes, cube_files, cube_rows, cube_tables
from tests.support.cubes import comparable, told
from tests.support.served import new_project

NOW = datetime(2026, 3, 1, tzinfo=UTC)
TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=("Cs",)), min_size=1, max_size=30)
SHARE = st.floats(0, 1, width=32)
JSON = st.dictionaries(
    TEXT,
    st.recursive(st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT, st.lists, max_leaves=4),
    max_size=3,
)
DATE = st.sampled_from([(None, None), ("2025", "year"), ("2025-05", "month"), ("2025-05-04", "day"),
                        ("2025-05-04T10:00:00+01:00", "time")])  # fmt: skip
STATUSES = sorted(set(MemoryStatus) - {MemoryStatus.ERASED})


def moment(draw) -> str:
    return (NOW + timedelta(microseconds=draw(st.integers(0, 10**12)))).isoformat()


def raw(draw, size: int) -> str:
    return base64.b64encode(draw(st.binary(min_size=size, max_size=size))).decode()


def dense(draw) -> str:
    numbers = draw(st.lists(st.floats(-1, 1, width=16), min_size=4, max_size=4))
    return base64.b64encode(struct.pack("<4e", *numbers)).decode()


def sparse(draw) -> str:
    terms = draw(st.lists(st.integers(0, 2**32 - 1), min_size=2, max_size=2, unique=True))
    weights = draw(st.lists(st.floats(0, 100, width=32), min_size=2, max_size=2))
    return base64.b64encode(struct.pack("<2I2f", *terms, *weights)).decode()


@st.composite
def user(draw) -> dict[str, list[dict]]:
    """The lines of a random user by kind, in the order of kinds."""
    space = uuid4()
    ids = iter(str(uuid5(space, str(n))) for n in range(10_000))
    events = [next(ids) for _ in range(draw(st.integers(0, 4)))]
    texts = draw(st.lists(TEXT.map(lambda text: f"{text} {len(text)}"), max_size=4, unique_by=str.casefold))
    memories = [(next(ids), f"{n} {text}") for n, text in enumerate(texts)]
    scenes = [next(ids) for _ in range(draw(st.integers(0, 2)))]
    entities = [next(ids) for _ in range(draw(st.integers(0, 2)) if memories else 0)]
    lines: dict[str, list[dict]] = {kind.name: [] for kind in KINDS}
    if events:
        said = {"session_id": "s", "agent_id": None, "events": len(events), "first_at": moment(draw)}
        lines["session"] = [said | {"last_at": moment(draw), "created_at": moment(draw)}]
        lines["speaker"] = [{"name": "Max", "role": "user"}]
        segment = next(ids)
        lines["segment"] = [
            {"id": segment, "session_id": "s", "event_ids": events, "extractor": "t", "keywords": draw(st.lists(TEXT)),
             "title": draw(TEXT), "participants": [], "started_at": moment(draw), "ended_at": moment(draw),
             "model": "m", "dense": dense(draw), "summary": draw(TEXT), "created_at": moment(draw)}
        ]  # fmt: skip
        body = {
            "text": draw(TEXT),
            "type": "fact",
            "event_ids": events,
            "occurred_at": moment(draw),
            "retracts": events,
        }
        lines["candidate"] = [
            {"id": next(ids), "session_id": "s", "segment_id": segment, "ordinal": 0, "event_ids": events, "body": body,
             "occurred_at": moment(draw), "model": "m", "dense": dense(draw), "state": "decided", "decision": "add",
             "memory_id": memories[0][0] if memories else None, "created_at": moment(draw)}
        ]  # fmt: skip
    for place, event in enumerate(events):
        lines["event"].append(
            {"id": event, "session_id": "s", "client_id": f"c{place}", "role": draw(st.sampled_from(["user", "tool"])),
             "name": draw(st.none() | TEXT), "content": draw(TEXT), "occurred_at": moment(draw),
             "utc_offset": draw(st.integers(-50_000, 50_000)), "metadata": draw(JSON), "content_hash": raw(draw, 32),
             "state": "processed", "version": draw(st.integers(0, 3)), "place": place, "segment_id": segment,
             "created_at": moment(draw)}
        )  # fmt: skip
        lines["vector"].append(vector(draw, event, "event"))
    for entity in entities:
        name = draw(TEXT) + entity
        lines["entity"].append(
            {"id": entity, "name": name, "normalised": name, "kind": "thing", "aliases": draw(st.lists(TEXT)),
             "created_at": moment(draw)}
        )  # fmt: skip
        lines["memory_entity"].append(
            {"memory_id": memories[0][0], "entity_id": entity, "normalised": name, "kind": "thing"}
        )
    for memory_id, text in memories:
        add_memory(draw, lines, memory_id, text)
        for event in events:
            lines["source"].append(
                {
                    "memory_id": memory_id,
                    "event_id": event,
                    "session_id": "s",
                    "client_id": None,
                    "created_at": moment(draw),
                }
            )
        for other, _ in memories:
            lines["link"].append(
                {"id": next(ids), "from_id": memory_id, "to_id": other, "type": "similar", "weight": draw(SHARE),
                 "reason": None, "created_at": moment(draw)}
            )  # fmt: skip
    for place, scene in enumerate(scenes):
        lines["scene"].append(
            {"id": scene, "parent_id": scenes[0] if place else None, "label": draw(TEXT), "summary": draw(TEXT),
             "centroid": dense(draw), "visits": draw(SHARE), "created_at": moment(draw), "updated_at": moment(draw)}
        )  # fmt: skip
        lines["scene_member"] += [{"scene_id": scene, "memory_id": memory_id} for memory_id, _ in memories]
    lines["block"] = [
        {"session_id": "", "kind": "profile", "text": "", "updated_at": moment(draw),
         "lines": [{"memory_id": i, "theme": "x"} for i, _ in memories]}
    ]  # fmt: skip
    artefact, content = next(ids), raw(draw, 40)
    lines["artefact"] = [
        {"id": artefact, "name": "n", "kind": "lora", "version": 1, "fingerprint": "x", "size": 40,
         "provenance": draw(JSON), "created_by": "t", "created_at": moment(draw)}
    ]  # fmt: skip
    lines["artefact_part"] = [{"artefact_id": artefact, "seq": 0, "data": content}]
    return lines


def vector(draw, target: str, kind: str) -> dict:
    return {"target_id": target, "model": "m", "kind": kind, "dimension": 4, "dense": dense(draw),
            "sparse": sparse(draw), "sparse_window": None}  # fmt: skip


def add_memory(draw, lines: dict[str, list[dict]], memory_id: str, text: str) -> None:
    dates = {}
    for name in ("event_time", "valid_from", "valid_to"):
        dates[name], dates[f"{name}_precision"] = draw(DATE)
    shown = dates | {
        "type": draw(st.sampled_from(sorted(MemoryType))), "text": text, "status": draw(st.sampled_from(STATUSES)),
        "subject": draw(st.none() | TEXT), "attribute": draw(st.none() | TEXT), "value": draw(st.none() | TEXT),
        "frozen": draw(st.booleans()), "live_from": moment(draw), "live_until": None, "importance": draw(SHARE),
        "confidence": draw(SHARE), "metadata": draw(JSON),
    }  # fmt: skip
    version = draw(st.integers(1, 3))
    lines["memory"].append(
        {"id": memory_id, "session_id": None, "agent_id": draw(st.none() | st.just("bot")), "occurred_at": moment(draw),
         "utc_offset": draw(st.integers(-50_000, 50_000)), "stability": draw(SHARE), "use_count": draw(SHARE),
         "superseded_by": draw(st.none() | st.just(memory_id)), "version": version, "keywords": draw(st.lists(TEXT)),
         "tags": [], "context": "", "created_at": moment(draw), "updated_at": moment(draw)} | shown
    )  # fmt: skip
    for number in range(1, version + 1):
        until = None if number == version else moment(draw)
        lines["version"].append(
            {"memory_id": memory_id, "version": number, "change": "add", "reason": None, "actor": "pipeline",
             "recorded_at": moment(draw), "recorded_until": until} | shown
        )  # fmt: skip
    lines["vector"].append(vector(draw, memory_id, "memory"))
    lines["feedback"].append(
        {"id": str(uuid5(UUID(memory_id), "f")), "memory_id": memory_id, "signal": "helpful", "note": draw(TEXT),
         "query": None, "created_at": moment(draw)}
    )  # fmt: skip


def export(database, scope: UserScope) -> list[bytes]:
    what = Export(scope, Selection(parts=DEFAULT_PARTS | {"artefacts"}), "m", 4, NOW, None)
    with database.snapshot(scope) as conn:
        return list(cubes.lines(conn, what))


def take(database, scope: UserScope, lines: list[bytes]) -> None:
    with database.transaction(scope) as conn:
        rules = cube_import.Rules(
            Naming(scope.project_id, scope.user_id, same_scope=False), "skip", False, "job:x", cube_tables.columns(conn)
        )
        reading = cube_import.Reading()
        changes.lock_user(conn, scope)
        for piece in cube_files.pieces(lines):
            assert not cube_import.check_lines(piece, rules.columns, reading)
            cube_import.write(conn, scope, piece, rules)


@pytest.fixture(scope="module")
def fresh(database):
    return lambda: UserScope(new_project(database).project_id, "anna")


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(user())
def test_a_user_survives_the_journey(database, fresh, lines):
    home, abroad = fresh(), fresh()
    with database.transaction(home) as conn:
        columns = cube_tables.columns(conn)
        for name, rows in lines.items():
            if name == "candidate":
                for row in rows:  # a statement as `to_body` leaves it
                    row["body"] = FULL_BODY | row["body"]
            added = cube_rows.insert(conn, home, BY_NAME[name], columns[name], rows)
            assert added == len(rows), name
    out = export(database, home)
    assert len(told(out)) == sum(map(len, lines.values()))
    take(database, abroad, out)
    again = export(database, abroad)
    assert comparable(again) == comparable(out)
    take(database, abroad, out)
    assert told(export(database, abroad)) == told(again)
    assert json.loads(out[0])["counts"] == json.loads(again[0])["counts"]


FULL_BODY = {
    "subject": None, "attribute": None, "value": None, "single_valued": False, "negated": False, "event_time": None,
    "valid_from": None, "valid_to": None, "importance": 0.5, "confidence": 0.5, "entities": [], "session_id": None,
    "agent_id": None,
}  # fmt: skip


def test_every_column_of_a_user_is_in_a_line_or_left_out_on_purpose(database, fresh):
    """A column that is added later travels by itself; this test says so when its type cannot."""
    with database.transaction(fresh()) as conn:
        columns = cube_tables.columns(conn)
    assert {column.type for fields in columns.values() for column in fields.values()} <= set(TYPES)
    assert {kind.part for kind in KINDS if kind.part} == set(PARTS)
