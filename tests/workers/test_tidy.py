"""The tidy stage: woken by consolidation, a moment later."""

from datetime import timedelta

from app.domain.work import WorkKind
from tests.workers.conftest import START


def make_due(pipeline):
    with pipeline.db.transaction(pipeline.user()) as conn:
        conn.execute("UPDATE work SET run_after = now()")


def test_consolidation_wakes_it(pipeline):
    pipeline.say("I live in Ghent.", "I have two cats.")
    pipeline.run()
    assert pipeline.rows("SELECT kind FROM work") == [{"kind": "tidy"}]
    assert pipeline.rows("SELECT 1 FROM blocks") == []
    make_due(pipeline)
    assert pipeline.run(WorkKind.TIDY) == 1
    kinds = [row["kind"] for row in pipeline.rows("SELECT kind FROM blocks ORDER BY kind")]
    assert kinds == ["profile", "summary"]
    assert pipeline.rows("SELECT 1 FROM work") == []
    assert "Ghent" not in str(pipeline.rows("SELECT text, lines FROM blocks"))


SAID = (
    ("I play the cello in an orchestra.", 0),
    ("I practise the cello every evening.", 1),
    ("I am allergic to peanuts.", 2),
    ("I bought a new cello.", 3),
    ("I sold my cello after forty years.", 60),
)
SCENES = (
    "SELECT s.id, s.parent_id, s.label, s.summary, s.keywords, s.centroid, s.first_at, s.last_at,"
    " ARRAY(SELECT m.text FROM scene_members o JOIN memories m ON m.id = o.memory_id WHERE o.scene_id = s.id"
    " ORDER BY m.occurred_at) AS texts FROM scenes s ORDER BY s.first_at, s.id"
)


def tidy(pipeline):
    make_due(pipeline)
    pipeline.run()


def test_scenes_made_bit_by_bit_are_those_made_at_once(pipeline):
    for text, day in (SAID[0], SAID[3], SAID[1], SAID[4], SAID[2]):  # some arrive late
        pipeline.say(text, session=f"s{day}", at=START + timedelta(days=day))
        pipeline.run()
        tidy(pipeline)
    bit_by_bit = pipeline.rows(SCENES)
    assert len(bit_by_bit) >= 2
    with pipeline.db.transaction(pipeline.user()) as conn:
        conn.execute("DELETE FROM scenes")
        conn.execute("DELETE FROM blocks")
        conn.execute(
            "INSERT INTO work (project_id, kind, user_id) SELECT project_id, 'tidy', user_id FROM sessions LIMIT 1"
        )
    tidy(pipeline)
    assert pipeline.rows(SCENES) == bit_by_bit
    assert all(scene["summary"] in scene["texts"] for scene in bit_by_bit if scene["texts"])
