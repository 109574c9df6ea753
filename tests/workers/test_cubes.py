"""Cubes through the pipeline: a user goes out and comes in again, as they were."""

import hashlib
import json
from datetime import UTC, datetime, timedelta

import pytest

from app.domain.cubes import Naming, Selection
from app.services import cube_import, cubes, jobs
from app.storage import changes, cube_files, cube_tables
from tests.support.cubes import comparable, export, finished, store, told

START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)

TALK = (
    "I am Ann and I live in Warsaw with my sister Maria.",
    "I am allergic to peanuts.",
    "My favourite colour is green.",
    "I moved to Porto last week.",
    "My dentist appointment is on 2026-05-04.",
)


def talk(pipeline, user: str = "ann") -> None:
    pipeline.say(*TALK, user=user)
    pipeline.settle()


def take(pipeline, scope, lines, **about):
    job_id = store(pipeline.context, scope, lines, **about)
    pipeline.run("job")
    return finished(pipeline.context, scope, job_id)


def test_a_user_comes_in_as_they_went_out(pipeline):
    talk(pipeline)
    out = export(pipeline.context, pipeline.user())
    job = take(pipeline, pipeline.user("ben"), out)
    again = export(pipeline.context, pipeline.user("ben"))
    assert comparable(again) == comparable(out)
    kinds = {row["record"] for row in told(out)}
    assert kinds >= {"event", "session", "segment", "candidate", "memory", "version", "source", "vector", "entity"}
    assert job.done == job.total == 2 * len(out)
    assert "embedded" not in job.counts
    pipeline.run()
    assert {event.state.value for event in pipeline.events("ben")} == {"processed"}
    assert len(pipeline.points("ben")) == len(pipeline.points("ann"))
    assert not pipeline.rows("SELECT 1 FROM cube_files", "ben")
    assert comparable(export(pipeline.context, pipeline.user("ben"))) == comparable(out)
    first = [(item.kind, item.text) for item in pipeline.ask("Where does Ann live?").items]
    assert first == [(item.kind, item.text) for item in pipeline.ask("Where does Ann live?", user="ben").items]


def test_the_same_file_twice_changes_nothing(pipeline):
    talk(pipeline)
    out = export(pipeline.context, pipeline.user())
    for _ in range(2):
        job = take(pipeline, pipeline.user("ben"), out)
    assert not {name: n for name, n in job.counts.items() if not name.endswith("_unchanged")}
    before = export(pipeline.context, pipeline.user())
    take(pipeline, pipeline.user(), out)
    assert told(export(pipeline.context, pipeline.user())) == told(before)
    json.loads(out[0])
    assert export(pipeline.context, pipeline.user(), Selection(types=("preference",)))


def test_a_clone_is_the_same_user_under_other_ids(pipeline):
    talk(pipeline)
    begin(pipeline, "clone", {"user_id": "ann", "to_user_id": "ben"})
    assert comparable(export(pipeline.context, pipeline.user("ben"))) == comparable(
        export(pipeline.context, pipeline.user())
    )


def begin(pipeline, kind: str, about: dict, *, dry_run: bool = False):
    job_id = pipeline.context.new_id()
    with pipeline.db.transaction(pipeline.project) as conn:
        jobs.create(conn, pipeline.project, job_id, kind, about, dry_run=dry_run, actor="test")
    pipeline.run("job")
    return finished(pipeline.context, pipeline.user(), job_id)


@pytest.mark.parametrize(
    ("kind", "about", "foreseen"),
    [
        ("clone", {"user_id": "ann", "to_user_id": "both"}, {"event_added": 2, "memory_added": 2}),
        (
            "fuse",
            {"user_ids": ["ann", "ben"], "into": "both"},
            {"event_added": 3, "memory_added": 2, "candidate_added": 3},
        ),
    ],
)
def test_a_dry_run_says_what_would_come_and_leaves_nothing(pipeline, kind, about, foreseen):
    pipeline.say("I live in Warsaw.", "I am allergic to peanuts.", user="ann")
    pipeline.say("I live in Porto and not in Warsaw.", user="ben", at=START + timedelta(days=40))
    pipeline.settle()
    job = begin(pipeline, kind, about, dry_run=True)
    assert job.state == "done"
    assert {name: job.counts.get(name) for name in foreseen} == foreseen
    for table in ("events", "memories", "candidates", "vectors", "sessions", "cube_files"):
        assert pipeline.rows(f"SELECT 1 FROM {table}", "both") == []
    assert begin(pipeline, kind, about).counts == job.counts
    again = begin(pipeline, kind, about, dry_run=True)
    assert begin(pipeline, kind, about).counts == again.counts


def test_a_fusion_is_decided(pipeline):
    pipeline.say("I live in Warsaw.", "I am allergic to peanuts.", user="ann")
    pipeline.say("I live in Porto.", "I am allergic to peanuts.", user="ben", at=START + timedelta(days=40))
    pipeline.settle()
    begin(pipeline, "fuse", {"user_ids": ["ann", "ben"], "into": "both"})
    pipeline.settle()
    rows = pipeline.rows("SELECT text, status FROM memories ORDER BY occurred_at, text", "both")
    active = [row["text"] for row in rows if row["status"] == "active"]
    assert sum("peanuts" in text for text in active) == 1
    assert [text for text in active if "live" in text] == [text for text in active if "Porto" in text]
    assert any("Warsaw" in row["text"] and row["status"] == "superseded" for row in rows)
    sources = pipeline.rows(
        "SELECT e.session_id FROM memory_sources s JOIN events e ON e.id = s.event_id JOIN memories m"
        " ON m.id = s.memory_id WHERE m.text ILIKE '%%peanuts%%' ORDER BY 1",
        "both",
    )
    assert [row["session_id"] for row in sources] == ["s1", "s1~ben"]
    assert {event.state.value for event in pipeline.events("both")} == {"processed"}
    assert len(pipeline.events("both")) == 4
    assert len(pipeline.events("ben")) == 2


def test_a_fusion_into_the_first_can_be_repeated(pipeline):
    pipeline.say("I am allergic to peanuts.", user="ann")
    pipeline.say("I am allergic to peanuts.", "I like tulips.", user="ben")
    pipeline.settle()
    texts = "SELECT text FROM memories WHERE status = 'active' ORDER BY text"
    for said in ("I like tulips.", "I bought a red bicycle."):
        pipeline.say(said, user="ben")
        pipeline.settle()
        begin(pipeline, "fuse", {"user_ids": ["ann", "ben"], "into": "ann"})
        pipeline.settle()
        found = {row["text"] for row in pipeline.rows(texts, "ann")}
        assert found >= {row["text"] for row in pipeline.rows(texts, "ben")}
        assert sum("peanuts" in text for text in found) == 1


def test_another_encoder_embeds_anew(pipeline):
    talk(pipeline)
    out = [
        line.replace(pipeline.context.encoder.fingerprint.encode(), b"another model")
        for line in export(pipeline.context, pipeline.user())[:-1]
    ]
    end = cubes.trailer({}, hashlib.sha256(b"".join(out)).digest(), None)
    job = take(pipeline, pipeline.user("ben"), [*out, json.dumps(end).encode()])
    assert job.counts["embedded"] == len(pipeline.points("ann"))
    pipeline.run()
    assert len(pipeline.points("ben")) == len(pipeline.points("ann"))
    first = [(item.kind, item.text) for item in pipeline.ask("Where does Ann live?").items]
    assert first == [(item.kind, item.text) for item in pipeline.ask("Where does Ann live?", user="ben").items]


def test_what_was_not_read_yet_is_read_there(pipeline):
    """A turn that waited when the file was written is lost nowhere; what was read is never read again."""
    talk(pipeline)
    pipeline.say("I bought a red bicycle.", session="s2")
    out = export(pipeline.context, pipeline.user())
    candidates = "SELECT count(*) AS n FROM candidates"
    before = pipeline.rows(candidates)[0]["n"]
    take(pipeline, pipeline.user("ben"), out)
    pipeline.settle()
    assert any("bicycle" in row["text"] for row in pipeline.rows("SELECT text FROM memories", "ben"))
    assert pipeline.rows(candidates, "ben")[0]["n"] == pipeline.rows(candidates)[0]["n"] > before


def test_a_wrong_line_far_down_stops_all_of_it(pipeline):
    """The gateway checks the first lines only; the job checks all before it writes any."""
    talk(pipeline)
    out = [line for line in export(pipeline.context, pipeline.user())[:-1] if b'"memory"' not in line[:20]]
    filler = json.dumps({"record": "speaker", "name": "x" * 60_000, "role": "user"}).encode() + b"\n"
    at = next(n for n, line in enumerate(out) if b'"speaker"' in line[:20] or b'"event"' in line[:20])
    body = [*out[:at], *[filler] * 40, *out[at:], b'{"record":"vector","target_id":"x"}\n']
    end = cubes.trailer({}, hashlib.sha256(b"".join(body)).digest(), None)
    job = take(pipeline, pipeline.user("ben"), [*body, json.dumps(end).encode()])
    assert job.counts["invalid_lines"] > 0
    assert not pipeline.rows("SELECT 1 FROM events", "ben")
    with pipeline.db.transaction(pipeline.project) as conn:
        items = jobs.items(conn, pipeline.project, job.id, action="refused", after=0, limit=10)
    assert f"line {len(body)}: /target_id" in {item.target_id for _, item in items}
    assert not pipeline.rows("SELECT 1 FROM cube_files", "ben")


def test_a_piece_that_is_done_twice_changes_nothing(pipeline):
    """A worker that was killed between a piece and its note does the piece again."""
    talk(pipeline)
    out = export(pipeline.context, pipeline.user())
    job_id = store(pipeline.context, pipeline.user("ben"), out)
    with pipeline.db.transaction(pipeline.user("ben")) as conn:
        piece = cube_files.get(conn, pipeline.user("ben"), job_id, 0)
        naming = Naming(pipeline.project.project_id, "ben", same_scope=False)
        rules = cube_import.Rules(naming, "skip", False, "job:x", cube_tables.columns(conn))
        changes.lock_user(conn, pipeline.user("ben"))
        cube_import.write(conn, pipeline.user("ben"), piece, rules)
    pipeline.run("job")
    finished(pipeline.context, pipeline.user("ben"), job_id)
    assert comparable(export(pipeline.context, pipeline.user("ben"))) == comparable(out)


def test_versions_of_an_older_file_take_what_they_did_not_keep_from_their_memory(pipeline):
    """Else a rollback to the time of the import would take the expiry away."""
    talk(pipeline)
    pipeline.rows("UPDATE memories SET expires_at = '2090-01-01', flagged = true RETURNING id")
    lines = [json.loads(line) for line in export(pipeline.context, pipeline.user())[:-1]]
    for line in lines:
        if line["record"] == "version":
            for name in ("expires_at", "review_at", "flagged"):
                del line[name]
    body = [json.dumps(line).encode() + b"\n" for line in lines]
    end = {"record": "trailer", "sha256": hashlib.sha256(b"".join(body)).hexdigest(), "signature": None}
    take(pipeline, pipeline.user("ben"), [*body, json.dumps(end).encode()])
    kept = pipeline.rows("SELECT DISTINCT expires_at::date::text AS until, flagged FROM memory_versions", "ben")
    assert kept == [{"until": "2090-01-01", "flagged": True}]
