"""Measured health: after tidying, once a day, over all projects, and the six operations counted where they succeed."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.work import WorkKind
from app.http.schemas.job import JobKind
from app.ledger import upkeep
from app.ledger.health import measure_user
from app.ledger.runner import Runner, Stage
from app.services import health as measuring
from app.storage import health, work
from app.telemetry.operations import JOBS, STAGES, Operation, of_route
from workers.stages import HANDLERS

NEVER = "SELECT * FROM user_health"


def measured(pipeline, user="ann"):
    with pipeline.db.transaction(pipeline.user(user)) as conn:
        return health.last(conn, pipeline.user(user))


def operations(pipeline, operation) -> float:
    return pipeline.context.metrics.registry.get_sample_value("mneme_operations_total", {"operation": operation})


def test_tidying_measures(pipeline):
    pipeline.say("I live in Ghent.", "I have two cats.", "My sister Maria plays the cello.")
    pipeline.settle()
    found = measured(pipeline)
    active = pipeline.rows("SELECT 1 FROM memories WHERE status = 'active'")
    assert found.active == found.measured == len(active) >= 3
    assert (found.duplicates, found.repeated, found.junk, found.stale) == (0, 0, 0, 0)
    assert [(g.days, g.added, g.gone) for g in found.growth] == [(7, len(active), 0), (30, len(active), 0)]
    for operation in (Operation.CONSOLIDATION, Operation.INDEXING, Operation.COMPRESSION):
        assert operations(pipeline, operation) >= 1, operation
    for operation in (Operation.RETRIEVAL, Operation.FORGETTING, Operation.UPDATING):
        assert operations(pipeline, operation) == 0, operation


def test_what_is_unhealthy_is_counted(pipeline):
    pipeline.say("I live in Ghent.", "I have two cats.")
    pipeline.settle()
    cats, ghent = "text LIKE '%%cats%%'", "text LIKE '%%Ghent%%'"
    copy = (
        "INSERT INTO memories (id, project_id, user_id, type, text, text_hash, occurred_at, live_from, status)"
        " SELECT gen_random_uuid(), project_id, user_id, type, {}, {}, occurred_at, live_from, {} FROM memories WHERE "
    )
    with pipeline.db.transaction(pipeline.user()) as conn:
        conn.execute(copy.format("text || '!'", "'twin'", "'active'") + cats)
        conn.execute("UPDATE memories SET status = 'superseded' WHERE text_hash = 'twin'")
        conn.execute(copy.format("text", "text_hash", "'archived'") + ghent + " AND status = 'active'")
        conn.execute("UPDATE memories SET status = 'active' WHERE text_hash = 'twin'")
        conn.execute(
            "INSERT INTO vectors (target_id, model, kind, project_id, user_id, dimension, dense)"
            " SELECT t.id, v.model, v.kind, v.project_id, v.user_id, v.dimension, v.dense FROM memories t,"
            f" memories m JOIN vectors v ON v.target_id = m.id WHERE t.text_hash = 'twin' AND m.{cats}"
            " AND m.text_hash <> 'twin'"
        )
        conn.execute(f"UPDATE memories SET valid_to = '2020' WHERE {ghent} AND status = 'active'")
    measure_user(pipeline.context, pipeline.user())
    found = measured(pipeline)
    assert (found.duplicates, found.repeated, found.stale) == (3, 1, 1)  # the twins, and Ghent said again
    later = pipeline.later(timedelta(days=400))
    measure_user(later.context, pipeline.user())
    assert measured(pipeline).stale == found.active


def test_growth_counts_what_came_and_what_went(pipeline):
    pipeline.say("I live in Ghent.", "I have two cats.", "My sister Maria plays the cello.")
    pipeline.settle()
    before = measured(pipeline).active
    with pipeline.db.transaction(pipeline.user()) as conn:
        conn.execute(
            "UPDATE memories SET created_at = created_at - interval '10 days',"
            " updated_at = updated_at - interval '10 days'"
        )
        conn.execute("UPDATE memory_versions SET recorded_at = recorded_at - interval '10 days'")
        gone = conn.execute(
            "UPDATE memories SET status = 'archived', updated_at = now() WHERE text LIKE '%cats%'"
        ).rowcount
        conn.execute(
            "UPDATE memory_versions v SET recorded_until = now() FROM memories m"
            " WHERE m.id = v.memory_id AND m.status = 'archived' AND v.recorded_until IS NULL"
        )
    assert gone >= 1
    pipeline.say("I bought a red bicycle.", session="s2")
    pipeline.settle()
    week, month = measured(pipeline).growth
    added = measured(pipeline).active - before + gone
    assert (week.added, week.gone) == (added, gone)
    assert (month.added, month.gone) == (measured(pipeline).active, 0)
    assert week.per_day == (added - gone) / 7


def test_a_large_user_is_measured_at_most_every_ten_minutes(pipeline, monkeypatch):
    pipeline.say("I live in Ghent.")
    pipeline.settle()
    first = measured(pipeline).measured_at
    monkeypatch.setattr(measuring, "FEW", 0)
    measure_user(pipeline.context, pipeline.user())
    assert measured(pipeline).measured_at == first
    soon = replace(pipeline.context, clock=lambda: first + measuring.PAUSE)
    measure_user(soon, pipeline.user())
    assert measured(pipeline).measured_at == first + measuring.PAUSE
    measure_user(pipeline.context, pipeline.user(), always=True)
    assert measured(pipeline).measured_at < first + measuring.PAUSE


def test_nothing_is_kept_of_a_user_without_memories(pipeline):
    measure_user(pipeline.context, pipeline.user("nobody"))
    assert pipeline.rows(NEVER, "nobody") == []


def test_the_schedules_measure_everybody_and_sum_over_projects(pipeline):
    pipeline.say("I live in Ghent.")
    pipeline.say("I live in Porto.", user="bob")
    pipeline.settle()
    with pipeline.db.transaction(pipeline.project) as conn:
        conn.execute("DELETE FROM user_health")
    upkeep.measure_health(pipeline.context)
    upkeep.count_memories(pipeline.context)
    upkeep.count_memories(pipeline.context)  # twice is once
    total = measured(pipeline).active + measured(pipeline, "bob").active
    with pipeline.db.transaction(None) as conn:
        counts = work.counts(conn)
    text = pipeline.context.metrics.render(counts).decode()
    lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert float(lines['mneme_memories{status="active",type="fact"}']) >= 2
    assert float(lines['mneme_memories_active{health="measured"}']) == total
    assert float(lines['mneme_memories_share{health="junk"}']) == 0
    assert float(lines['mneme_memories_growth_per_day{days="7"}']) == pytest.approx(total / 7)
    assert float(lines["mneme_memories_counted_seconds"]) < 60
    assert all(scope not in text for scope in ("ann", "bob", str(pipeline.project.project_id)))


def test_a_stage_that_fails_is_no_operation(pipeline):
    pipeline.say("I live in Ghent.")
    broken = Stage(lambda *_: 1 / 0)
    assert Runner(pipeline.context, {WorkKind.EXTRACT.value: broken}).run_one([WorkKind.EXTRACT])
    assert operations(pipeline, Operation.CONSOLIDATION) == 0


def test_every_kind_of_work_and_of_job_has_its_place():
    assert {kind.value for kind in WorkKind} <= set(STAGES), "name its operation in app/telemetry/operations.py"
    assert {kind.value for kind in JobKind} | set(HANDLERS) <= set(JOBS), "name its operation, or None, there"


@pytest.mark.parametrize(
    ("method", "route", "operation"),
    [
        ("POST", "/v1/recall", Operation.RETRIEVAL),
        ("GET", "/v1/sessions/{session_id}/context", Operation.RETRIEVAL),
        ("POST", "/v1/memories/aggregate", Operation.RETRIEVAL),
        ("POST", "/v1/memories", Operation.UPDATING),
        ("PATCH", "/v1/memories/{memory_id}", Operation.UPDATING),
        ("POST", "/v1/memories/{memory_id}/feedback", Operation.UPDATING),
        ("POST", "/v1/memories/{memory_id}/state", Operation.UPDATING),
        ("DELETE", "/v1/memories/{memory_id}", Operation.FORGETTING),
        ("DELETE", "/v1/users/{user_id}", Operation.FORGETTING),
        ("DELETE", "/v1/sessions/{session_id}", Operation.FORGETTING),
        ("DELETE", "/v1/keys/{key_id}", None),
        ("POST", "/v1/events", None),
        ("GET", "/v1/memories", None),
        ("GET", "unknown", None),
    ],
)
def test_routes_are_operations(method, route, operation):
    assert of_route(method, route) is operation
