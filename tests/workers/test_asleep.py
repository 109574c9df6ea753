"""Decisions that are put off until the user sleeps come out as if they had been taken at once."""

from datetime import timedelta

import numpy as np
import pytest

from app.domain.erasure import TargetKind
from app.domain.policy import Preset
from app.domain.work import WorkKind
from app.services import memories
from app.services.memories import MemoryChanges
from app.storage.vectors import from_half
from tests.support.erasing import KEY, order
from tests.workers.conftest import START
from workers.consolidate import asleep

UNBUFFERED = ("extract.buffer_tokens", "gate.min_words", "segment.max_tokens", "segment.max_events")
AWAKE = (WorkKind.EXTRACT, WorkKind.CONSOLIDATE, WorkKind.INDEX)
TALK = (
    "I live in Ghent.",
    "I am allergic to peanuts.",
    "My dentist appointment is on 3 June.",
    "No, I meant 4 June.",
    "I have a red bicycle.",
    "I work as a nurse in a hospital.",
    "I live in Ghent.",
    "My sister Maria lives in Porto.",
    "I love jazz music.",
    "I moved to Lisbon.",
    "I like jazz music.",
    "I sold my red bicycle.",
    "I want to learn the harp.",
    "Scrap that.",
    "I am allergic to peanuts.",
    "I moved back to Ghent.",
    "I live in Lisbon.",
    "I live in Ghent.",
)
OUTCOME = """
SELECT m.text, m.status, m.type, m.valid_to, m.live_until, round(m.stability::numeric, 3) AS stability,
       (SELECT s.text FROM memories s WHERE s.id = m.superseded_by) AS superseded_by,
       ARRAY(SELECT e.content || e.occurred_at FROM memory_sources o JOIN events e ON e.id = o.event_id
             WHERE o.memory_id = m.id ORDER BY e.occurred_at) AS sources
FROM memories m WHERE m.status <> 'merged' ORDER BY m.text, m.status, m.live_until
"""


def talk(pipeline, user: str, *, step: int = 1) -> None:
    """The same talk, a turn an hour, a session for every two turns; read after each `step` turns."""
    for place, turn in enumerate(TALK):
        pipeline.say(turn, user=user, session=f"s{place // 2}", at=START + timedelta(hours=place))
        if place % step == step - 1:
            pipeline.run(*AWAKE)
    pipeline.run(*AWAKE)


@pytest.mark.parametrize(("step", "batch"), [(1, 200), (5, 200), (len(TALK), 200), (3, 4)])
def test_the_outcome_is_that_of_deciding_at_once(pipeline, monkeypatch, step, batch):
    monkeypatch.setattr(asleep, "BATCH", batch)
    pipeline.under(Preset.DEFAULT)
    talk(pipeline, "bob", step=step)
    pipeline.settle()
    pipeline.under(Preset.LIGHTMEM, *UNBUFFERED)
    talk(pipeline, "ann", step=step)
    pipeline.settle()
    pipeline.settle()  # the tidying after the last batch
    assert pipeline.rows("SELECT 1 FROM work") == []
    online, slept = pipeline.rows(OUTCOME, "bob"), pipeline.rows(OUTCOME, "ann")
    assert {row["status"] for row in online} >= {"active", "superseded", "invalidated"}
    assert slept == online
    links = "SELECT a.text, b.text AS other, l.type FROM links l JOIN memories a ON a.id = l.from_id"
    contradicting = f"{links} JOIN memories b ON b.id = l.to_id WHERE l.type = 'contradicts' ORDER BY 1, 2"
    assert pipeline.rows(contradicting, "ann") == pipeline.rows(contradicting, "bob")


def test_sleeping_twice_changes_nothing(pipeline):
    pipeline.under(Preset.LIGHTMEM, *UNBUFFERED)
    talk(pipeline, "ann")
    pipeline.settle()
    before = pipeline.rows("SELECT id, version, status FROM memories ORDER BY id")
    with pipeline.db.transaction(pipeline.user()) as conn:
        conn.execute(
            "INSERT INTO work (project_id, kind, user_id) SELECT project_id, 'wake', user_id FROM sessions LIMIT 1"
        )
    pipeline.settle()
    assert pipeline.rows("SELECT id, version, status FROM memories ORDER BY id") == before


def test_other_words_for_the_same_are_merged_asleep_and_embedded_as_they_read(pipeline):
    pipeline.under(Preset.LIGHTMEM, *UNBUFFERED)
    pipeline.say("I love jazz music.")
    pipeline.say("I like jazz music.", session="s2", at=START + timedelta(days=1))
    pipeline.run(*AWAKE)
    assert len(pipeline.rows("SELECT 1 FROM memories WHERE status = 'active'")) == 2
    pipeline.settle()
    (kept,) = pipeline.rows("SELECT id, text, version FROM memories WHERE status = 'active'")
    assert kept["text"] == "The user likes jazz music.", "the wording said last"
    (merged,) = pipeline.rows("SELECT id, superseded_by FROM memories WHERE status = 'merged'")
    assert merged["superseded_by"] == kept["id"]
    assert len(pipeline.rows("SELECT 1 FROM memory_sources WHERE memory_id = %s", values=(kept["id"],))) == 2
    (row,) = pipeline.rows("SELECT dense FROM vectors WHERE target_id = %s", values=(kept["id"],))
    expected = pipeline.context.encoder.encode([kept["text"]])[0]
    assert float(np.dot(from_half(row["dense"]), expected)) == pytest.approx(1.0, abs=1e-3)
    assert pipeline.points()[kept["id"]] == kept["version"]


def test_what_an_app_did_meanwhile_stands(pipeline):
    pipeline.under(Preset.LIGHTMEM, *UNBUFFERED)
    pipeline.say("I live in Ghent.", "I have a red bicycle.")
    pipeline.run(*AWAKE)
    by_text = {row["text"]: row["id"] for row in pipeline.rows("SELECT id, text FROM memories")}
    home, bicycle = by_text["The user lives in Ghent."], by_text["The user has a red bicycle."]
    with pipeline.db.transaction(pipeline.user()) as conn:
        wanted = MemoryChanges(frozenset({"importance"}), importance=0.9)
        memories.patch(conn, pipeline.project, home, wanted, None, versions=None, actor="key:test")
        memories.delete(conn, pipeline.project, bicycle, order(TargetKind.MEMORY, bicycle), KEY, versions=None)
    pipeline.settle()
    (row,) = pipeline.rows("SELECT id, importance::float AS importance FROM memories WHERE status = 'active'")
    assert (row["id"], round(row["importance"], 3)) == (home, 0.9)
    pipeline.say("I moved to Porto.", session="s2", at=START + timedelta(days=1))
    pipeline.settle()
    pipeline.settle()
    (old,) = pipeline.rows("SELECT status FROM memories WHERE id = %s", values=(home,))
    assert old["status"] == "superseded", "it is decided about as any other memory"
    assert pipeline.rows("SELECT reason FROM candidates WHERE reason = 'put_off'") == []


def test_the_wait_for_sleep_is_a_row_that_outlives_its_process(pipeline):
    pipeline.under(Preset.LIGHTMEM, *UNBUFFERED)
    pipeline.say("I live in Ghent.")
    pipeline.run(*AWAKE)
    (unit,) = pipeline.rows(
        "SELECT state, run_after > now() + interval '4 minutes' AS later FROM work WHERE kind = 'wake'"
    )
    assert unit == {"state": "ready", "later": True}
    pipeline.later(timedelta(0)).settle()  # another process's runner
    assert pipeline.rows("SELECT decision, reason FROM candidates") == [{"decision": "add", "reason": "new"}]
