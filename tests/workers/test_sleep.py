"""The job of kind `sleep` on real parts: a dry run shows what a run does, nothing is lost, writes in between win."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from app.domain.memory import MemoryStatus, MemoryType
from app.domain.normalise import text_hash
from app.domain.policy import DEFAULT
from app.domain.query import Narrowing
from app.inference.llm import ModelFailedError
from app.ledger import upkeep
from app.ledger.runner import Runner
from app.services import jobs
from app.services import policy as policies
from app.storage import changes, memory_edits, memory_states, sleep_writes, vectors, work
from app.storage.memory_edits import MemoryDraft, Place
from app.storage.memory_states import Move
from tests.workers.conftest import START, Pipeline
from workers.lifecycle import sleep as sleep_stage
from workers.stages import stages_for

CLIMBS = (
    "I went climbing at the gym.",
    "I bought new climbing shoes.",
    "Climbing with my friends was great.",
    "I am sore from climbing.",
)


def remember(pipeline: Pipeline, text: str, *, sources=(), day: int = 0, user: str = "ann", **fields) -> UUID:
    """A memory that an app writes directly, embedded as consolidation would."""
    memory_id, scope = uuid4(), pipeline.user(user)
    fields = {"type": MemoryType.FACT, "importance": 0.5, "confidence": 0.7, "subject": "user"} | fields
    draft = MemoryDraft(text=text, text_hash=text_hash(text), **fields)
    (dense,) = pipeline.context.encoder.encode([text])
    with pipeline.db.transaction(scope) as conn:
        at = changes.lock_user(conn, scope)
        place = Place(START + timedelta(days=day))
        memory_edits.add(conn, scope, memory_id, draft, place, list(sources), actor="key:test")
        row = vectors.StoredVector(memory_id, "memory", dense, sleep_writes.document_vector(text, 20.0))
        vectors.upsert(conn, scope, pipeline.context.encoder.fingerprint, [row])
        work.enqueue(conn, scope, "index")
        assert at is not None
    return memory_id


def turns(pipeline: Pipeline, *texts: str, session: str = "s1", day: int = 0) -> list[UUID]:
    """Turns that are stored and not read: memories are made of them by hand."""
    ids = pipeline.say(*texts, session=session, at=START + timedelta(days=day))
    with pipeline.db.transaction(pipeline.project) as conn:
        conn.execute("UPDATE events SET state = 'processed', extracted_at = now()")
        conn.execute("DELETE FROM work WHERE kind = 'extract'")
    return ids


def asleep(pipeline: Pipeline, *, dry_run: bool = False, actor: str = "test", **about):
    """Run the job to its end; it and its items."""
    with pipeline.db.transaction(pipeline.project) as conn:
        job = jobs.create(conn, pipeline.project, uuid4(), "sleep", about, dry_run=dry_run, actor=actor)
    pipeline.run("job")
    with pipeline.db.transaction(pipeline.project) as conn:
        found = jobs.items(conn, pipeline.project, job.id, action=None, after=0, limit=1000)
        return jobs.get(conn, pipeline.project, job.id), [item for _, item in found]


def state(pipeline: Pipeline) -> list[dict]:
    return pipeline.rows(
        "SELECT id, version, status, text, superseded_by, importance, use_count, live_until FROM memories ORDER BY id"
    )


@pytest.fixture
def twins(pipeline):
    """Two memories that say the same, from two turns, and what each has of its own."""
    one, other = turns(pipeline, "I love jazz.", "Jazz is what I really love.")
    kept = remember(pipeline, "The user loves jazz.", sources=[one])
    gone = remember(pipeline, "The user really loves jazz.", sources=[other], day=1, importance=0.9)
    cello = remember(pipeline, "The user plays the cello.")
    with pipeline.db.transaction(pipeline.user()) as conn:
        conn.execute("UPDATE memories SET use_count = 2 WHERE id = %s", (kept,))
        conn.execute("UPDATE memories SET use_count = 3 WHERE id = %s", (gone,))
        conn.execute(
            "INSERT INTO links (id, project_id, user_id, from_id, to_id, type) SELECT %s, project_id, user_id, %s, %s,"
            " 'causal' FROM memories WHERE id = %s",
            (uuid4(), gone, cello, gone),
        )
        entity = uuid4()
        conn.execute(
            "INSERT INTO entities (id, project_id, user_id, name, normalised) SELECT %s, project_id, user_id, 'Jazz',"
            " 'jazz' FROM memories WHERE id = %s",
            (entity, gone),
        )
        conn.execute(
            "INSERT INTO memory_entities SELECT id, %s, project_id, user_id FROM memories WHERE id = %s", (entity, gone)
        )
    return kept, gone, cello


def test_what_says_the_same_becomes_one_and_nothing_of_it_is_lost(pipeline, twins):
    kept, gone, cello = twins
    job, items = asleep(pipeline, user_id="ann")
    assert (job.state, job.counts["merge"]) == ("done", 1)
    rows = {row["id"]: row for row in state(pipeline)}
    assert (rows[gone]["status"], rows[gone]["superseded_by"]) == ("merged", kept)
    assert (rows[kept]["status"], rows[kept]["use_count"]) == ("active", 5)
    assert rows[kept]["importance"] == pytest.approx(0.9)
    sources = pipeline.rows("SELECT count(*) AS n FROM memory_sources WHERE memory_id = %s", values=[kept])
    assert sources[0]["n"] == 2
    assert pipeline.rows("SELECT 1 FROM memory_sources WHERE memory_id = %s", values=[gone]) != []
    assert pipeline.rows("SELECT to_id FROM links WHERE from_id = %s AND type = 'causal'", values=[kept]) == [
        {"to_id": cello}
    ]
    assert pipeline.rows("SELECT 1 FROM memory_entities WHERE memory_id = %s", values=[kept]) != []
    versions = pipeline.rows("SELECT memory_id, change, actor, recorded_until FROM memory_versions WHERE version = 2")
    assert {(v["memory_id"], v["change"], v["actor"]) for v in versions} == {
        (kept, "merge", f"job:{job.id}"),
        (gone, "merge", f"job:{job.id}"),
    }
    open_ = pipeline.rows("SELECT memory_id FROM memory_versions WHERE recorded_until IS NULL")
    assert len(open_) == 3
    audit = pipeline.rows("SELECT actor, detail FROM audit WHERE action = 'sleep' ORDER BY at, id")
    assert any(entry["detail"].get("merge") == 1 for entry in audit)
    assert {entry["actor"] for entry in audit} == {f"job:{job.id}"}
    assert [item.target_id for item in items if item.action == "merge"] == [str(gone)]


def test_a_dry_run_shows_what_the_run_does_and_changes_nothing(pipeline, twins):
    before, links = state(pipeline), pipeline.rows("SELECT * FROM links ORDER BY id")
    shown_job, shown = asleep(pipeline, dry_run=True)
    assert (state(pipeline), pipeline.rows("SELECT * FROM links ORDER BY id")) == (before, links)
    assert pipeline.rows("SELECT 1 FROM sleeps") == []
    done_job, done = asleep(pipeline)
    assert done == shown
    assert done_job.counts == shown_job.counts
    assert {"merge", "scene"} <= done_job.counts.keys()


def test_a_second_run_does_nothing(pipeline, twins):
    asleep(pipeline)
    before = state(pipeline)
    job, items = asleep(pipeline)
    assert (items, state(pipeline)) == ([], before)
    assert job.counts["active_before"] == job.counts["active_after"] == 2


def patched(conn, scope, memory_id) -> None:
    text = "The user loves jazz no more."
    draft = MemoryDraft(text, text_hash(text), MemoryType.FACT, 0.5, 0.7, subject="user")
    memory_edits.patch(conn, scope, memory_id, draft, actor="key:test")


def erased(conn, scope, memory_id) -> None:
    memory_edits.erase(conn, scope, [memory_id], actor="key:test")


def archived(conn, scope, memory_id) -> None:
    memory_states.move(conn, scope, [memory_id], Move(MemoryStatus.ARCHIVED, "state", "test", "key:test"))


@pytest.mark.parametrize(
    ("write", "left"),
    [
        (patched, ("The user loves jazz no more.", "active")),
        (erased, ("", "erased")),
        (archived, ("The user really loves jazz.", "archived")),
    ],
    ids=["patched", "erased", "archived"],
)
def test_a_write_during_the_run_is_never_overwritten(pipeline, twins, monkeypatch, write, left):
    """Wrong-neighbour edits of the research: what was planned on an old version is not done."""
    kept, gone, _ = twins
    perform, written = sleep_stage.perform, []

    def late(doing, actions):
        if not written:
            written.append(actions)
            with pipeline.db.transaction(pipeline.user()) as conn:
                changes.lock_user(conn, pipeline.user())
                write(conn, pipeline.user(), gone)
        perform(doing, actions)

    monkeypatch.setattr(sleep_stage, "perform", late)
    job, items = asleep(pipeline)
    rows = {row["id"]: row for row in state(pipeline)}
    assert job.state == "done"
    assert (rows[gone]["text"], rows[gone]["status"]) == left
    assert (rows[kept]["version"], rows[kept]["status"]) == (1, "active")
    assert [item for item in items if item.action == "merge"] == []


def test_frozen_memories_and_other_values_stay_as_they_are(pipeline):
    ids = [
        remember(pipeline, "The user is allergic to peanuts."),
        remember(pipeline, "The user is not allergic to peanuts."),
        remember(pipeline, "The user was born on 3 May."),
        remember(pipeline, "The user was born on 4 May."),
        remember(pipeline, "The user's sister is called Anna."),
        remember(pipeline, "The user's sister is called Maria."),
    ]
    frozen = remember(pipeline, "The user loves jazz.")
    remember(pipeline, "The user really loves jazz.")
    with pipeline.db.transaction(pipeline.user()) as conn:
        conn.execute("UPDATE memories SET frozen = true WHERE id = %s", (frozen,))
    job, items = asleep(pipeline)
    assert "merge" not in job.counts
    assert all(row["status"] == "active" for row in state(pipeline))
    (found,) = [item for item in items if item.action == "contradiction"]
    assert {found.target_id, found.detail["to"]} == {str(i) for i in ids[:2]}
    assert asleep(pipeline)[1] == []


def test_a_fragment_goes_into_the_fuller_statement_of_its_turn(pipeline):
    (turn,) = turns(pipeline, "I planted tomatoes in the garden.")
    (other,) = turns(pipeline, "Tomatoes again.", session="s2", day=9)
    fragment = remember(pipeline, "The user planted tomatoes.", sources=[turn], type=MemoryType.EPISODE)
    fuller = remember(pipeline, "The user planted tomatoes in the garden.", sources=[turn], type=MemoryType.EPISODE)
    elsewhere = remember(pipeline, "The user planted some tomatoes.", sources=[other], type=MemoryType.EPISODE, day=9)
    asleep(pipeline)
    rows = {row["id"]: row for row in state(pipeline)}
    assert (rows[fragment]["status"], rows[fragment]["superseded_by"]) == ("merged", fuller)
    assert rows[elsewhere]["status"] == "active"


def climbs(pipeline: Pipeline, count: int = 4) -> list[UUID]:
    made = []
    for place, text in enumerate(CLIMBS[:count]):
        (turn,) = turns(pipeline, text, session=f"s{place}", day=30 * place)
        said = text.replace("I am", "The user is").replace("I ", "The user ").replace("my", "the user's")
        made.append(remember(pipeline, said, sources=[turn], day=30 * place))
    return made


REFLECTIONS = "SELECT * FROM memories WHERE type = 'reflection' ORDER BY id"


def test_what_recurs_over_sessions_becomes_a_reflection_with_its_sources(pipeline):
    members = climbs(pipeline, 3)
    asleep(pipeline)
    (made,) = pipeline.rows(REFLECTIONS)
    assert made["text"] == "The user has spoken of climbing in 3 conversations between March and April 2026."
    assert made["confidence"] < 0.5
    linked = pipeline.rows("SELECT to_id FROM links WHERE from_id = %s AND type = 'derived_from'", values=[made["id"]])
    assert {row["to_id"] for row in linked} == set(members)
    assert len(pipeline.rows("SELECT 1 FROM memory_sources WHERE memory_id = %s", values=[made["id"]])) == 3
    asleep(pipeline)
    assert pipeline.rows(REFLECTIONS) == [made]

    old = pipeline.rows("SELECT dense FROM vectors WHERE target_id = %s", values=[made["id"]])
    climbs_again = turns(pipeline, CLIMBS[3], session="s9", day=100)
    remember(pipeline, "The user is sore from climbing.", sources=climbs_again, day=100)
    asleep(pipeline)
    (again,) = pipeline.rows(REFLECTIONS)
    assert (again["id"], again["version"]) == (made["id"], 2)
    assert "4 conversations between March and June 2026" in again["text"]
    new = pipeline.rows("SELECT dense FROM vectors WHERE target_id = %s", values=[made["id"]])
    (dense,) = pipeline.context.encoder.encode([again["text"]])
    assert new != old  # A-MEM and LightMem forget to embed what they edited
    assert new[0]["dense"] == vectors.to_half(dense)


def test_a_reflection_takes_no_place_of_what_it_rests_on(pipeline):
    climbs(pipeline)
    pipeline.run("index")
    question = "What does the user say about climbing?"
    before = {item.id for item in pipeline.ask(question).items}
    asleep(pipeline)
    pipeline.run("index")
    (made,) = pipeline.rows(REFLECTIONS)
    assert {item.id for item in pipeline.ask(question).items} == before
    asked_for = pipeline.ask(question, narrowing=Narrowing(types=frozenset({MemoryType.REFLECTION})))
    assert [item.id for item in asked_for.items] == [made["id"]]


class Broken:
    """A model that never answers, and a write that comes while it is asked."""

    def __init__(self, pipeline) -> None:
        self.pipeline, self.asked = pipeline, 0

    def ask(self, question, *, seconds, check) -> str:
        self.asked += 1
        scope = self.pipeline.user()
        with self.pipeline.db.transaction(scope) as conn:  # no transaction of the job is open now
            changes.lock_user(conn, scope)
        raise ModelFailedError("timeout")


def test_a_model_that_fails_costs_its_words_only(pipeline):
    climbs(pipeline)
    model = Broken(pipeline)
    context = replace(pipeline.context, llm=model)
    asleep(Pipeline(context, pipeline.project, Runner(context, stages_for(context))))
    (made,) = pipeline.rows(REFLECTIONS)
    assert "has spoken of climbing in 4 conversations" in made["text"]
    assert model.asked == 1


def test_a_deleted_reflection_stays_away_and_a_deleted_memory_takes_it_along(pipeline):
    members = climbs(pipeline)
    asleep(pipeline)
    with pipeline.db.transaction(pipeline.user()) as conn:
        changes.lock_user(conn, pipeline.user())
        memory_edits.erase(conn, pipeline.user(), [members[0]], actor="key:test")
    (made,) = pipeline.rows(REFLECTIONS)
    assert (made["status"], made["text"]) == ("erased", "")
    asleep(pipeline)
    assert pipeline.rows(REFLECTIONS) == [made]


def under(pipeline: Pipeline, **settings) -> None:
    body = DEFAULT.model_dump(mode="json")
    body["sleep"] |= settings
    with pipeline.db.transaction(pipeline.project) as conn:
        policies.put(conn, pipeline.project, None, body)


def test_a_run_out_of_time_keeps_what_it_did_and_goes_on_next_time(pipeline, twins):
    remember(pipeline, "The user plays the violin.")
    under(pipeline, deadline_seconds=1e-6)
    job, _ = asleep(pipeline)
    assert (job.state, job.counts["out_of_time"], job.counts["merge"]) == ("done", 1, 1)
    assert pipeline.rows("SELECT 1 FROM sleeps") == []
    under(pipeline, deadline_seconds=60.0)
    job, _ = asleep(pipeline)
    assert "out_of_time" not in job.counts
    assert len(pipeline.rows("SELECT 1 FROM sleeps")) == 1


def test_slices_of_no_length_come_to_the_same_end(pipeline, twins, monkeypatch):
    climbs(pipeline)
    _, shown = asleep(pipeline, dry_run=True)
    monkeypatch.setattr(sleep_stage, "SLICE_SECONDS", 0.0)
    _, done = asleep(pipeline)
    assert sorted(map(repr, done)) == sorted(map(repr, shown))
    assert len(shown) > 3


def test_the_night_wakes_only_those_whose_memories_changed(pipeline, twins):
    remember(pipeline, "The user loves tea.", user="bob")
    upkeep.sleep_users(pipeline.context)
    upkeep.sleep_users(pipeline.context)  # one at a time
    pipeline.run("job")
    assert {row["user_id"] for row in pipeline.rows("SELECT user_id FROM sleeps")} == {"ann"}  # as ann sees it
    upkeep.sleep_users(pipeline.context)
    with pipeline.db.transaction(pipeline.project) as conn:
        found = conn.execute("SELECT kind, state, created_by, done FROM jobs ORDER BY created_at").fetchall()
    assert [(row["state"], row["created_by"], row["done"]) for row in found] == [("done", "schedule", 2)]
    remember(pipeline, "The user loves coffee.", user="bob")
    upkeep.sleep_users(pipeline.context)
    pipeline.run("job")
    with pipeline.db.transaction(pipeline.project) as conn:
        found = conn.execute("SELECT done FROM jobs ORDER BY created_at").fetchall()
    assert [row["done"] for row in found] == [2, 1]
