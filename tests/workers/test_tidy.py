"""The tidy stage: woken by consolidation, a moment later."""

from app.domain.work import WorkKind


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
