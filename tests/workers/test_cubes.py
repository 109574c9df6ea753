"""Cubes through the pipeline: a user goes out and comes in again, as they were."""

import json

from app.domain.cubes import Selection
from tests.support.cubes import comparable, export, finished, store, told

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
