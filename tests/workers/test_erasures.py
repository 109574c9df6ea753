"""Erasures through the whole pipeline: what goes, what stays, what holds again, and that nothing is left behind."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from app.domain.erasure import TargetKind
from app.domain.normalise import text_hash
from app.domain.policy import DEFAULT
from app.domain.work import WorkKind
from app.errors import LeaseLostError
from app.ledger import erasing, upkeep
from app.ledger.lease import Lease
from app.services import erasures, policy
from app.services.erasures import Source
from app.storage import tombstones, work
from app.storage.db import Database
from app.storage.erasure_tables import HELD, NOTHING, OF_PROJECT, OTHERWISE
from app.storage.memory_edits import RECORD
from app.storage.tombstones import ErasedMeanwhileError
from tests.support.erasing import KEY, order
from tests.workers.conftest import START, Pipeline

CANARY = "Quetzalnabu7391"


def everything(private) -> dict[str, str]:
    """Every table as text."""
    owner = Database(private.owner_dsn, size=1)
    owner.open()
    try:
        with owner.transaction(None) as conn:
            tables = conn.execute("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace ="
                                  " 'public'::regnamespace ORDER BY 1").fetchall()  # fmt: skip
            return {
                t["relname"]: str(
                    conn.execute(
                        f"SELECT coalesce(string_agg(x::text, ' '), '') AS s FROM {t['relname']} x"
                    ).fetchone()["s"]
                )
                for t in tables
            }
    finally:
        owner.close()


def tables_with(private, words: str) -> set[str]:
    return {table for table, text in everything(private).items() if words.casefold() in text.casefold()}


def erase_user(pipeline: Pipeline, user: str = "ann"):
    with pipeline.db.transaction(pipeline.user(user)) as conn:
        return erasures.user(conn, pipeline.user(user), order(TargetKind.USER, user), KEY)


def erase_event(pipeline: Pipeline, event_id: UUID, *, derived_only: bool = False):
    with pipeline.db.transaction(pipeline.user()) as conn:
        asked = order(TargetKind.EVENT, event_id, derived_only=derived_only)
        return erasures.event(conn, pipeline.project, event_id, asked, KEY)


def verify(pipeline: Pipeline, receipt, user: str = "ann") -> dict[str, int]:
    with pipeline.db.transaction(pipeline.user(user)) as conn:
        return erasures.verify(conn, pipeline.user(user), receipt).found


def texts(pipeline: Pipeline, status: str = "active") -> list[str]:
    rows = pipeline.rows("SELECT text FROM memories WHERE status = %s ORDER BY text", values=(status,))
    return [row["text"] for row in rows]


def settle(pipeline: Pipeline) -> None:
    """Run everything but the rewrite of the index, which waits two seconds for readers of the old one."""
    pipeline.run()
    with pipeline.db.transaction(pipeline.project) as conn:
        conn.execute("UPDATE work SET run_after = now() WHERE kind <> 'rewrite'")
    pipeline.run()


def no_rest(pipeline: Pipeline) -> None:
    """Rewrites of the index follow at once."""
    body = DEFAULT.model_dump(mode="json")
    body["forgetting"] |= {"rewrite_quiet": 0.0, "rewrite_at_most": 0.0}
    with pipeline.db.transaction(pipeline.project) as conn:
        policy.put(conn, pipeline.project, None, body)


def test_every_table_of_users_is_known_to_the_erasure(private):

    owner = Database(private.owner_dsn, size=1)
    owner.open()
    with owner.transaction(None) as conn:
        rows = conn.execute(
            "SELECT table_name, array_agg(column_name::text) AS columns, array_agg(column_name::text)"
            " FILTER (WHERE data_type IN ('text', 'json', 'jsonb', 'ARRAY')) AS texts"
            " FROM information_schema.columns WHERE table_schema = 'public' GROUP BY table_name"
        ).fetchall()
    owner.close()
    held = {entry.table: entry for entry in HELD}
    of_users = {row["table_name"] for row in rows if "user_id" in row["columns"]}
    assert of_users == set(held) | set(OTHERWISE), "a table with user_id: say in erasure_tables what becomes of it"
    assert {row["table_name"] for row in rows} == of_users | set(OF_PROJECT) | NOTHING
    harmless = {
        "id", "user_id", "session_id", "project_id", "type", "status", "model", "kind", "actor", "change", "signal",
        "event_time", "event_time_precision", "valid_from", "valid_from_precision", "valid_to", "valid_to_precision",
        "role", "state", "skip_reason", "decision", "event_ids", "extractor", "agent_id", "target_kind", "action",
    }  # fmt: skip
    for row in rows:
        if row["table_name"] in held:
            scanned = " ".join(held[row["table_name"]].texts)
            loose = {c for c in row["texts"] if c not in harmless and c not in scanned.replace("::text", "").split()}
            loose -= {c for c in loose if c in scanned}
            assert not loose, f"{row['table_name']}: words of users may be in {loose}"


def test_an_erased_user_leaves_nothing_in_any_table(pipeline, private):
    pipeline.say(f"I live in {CANARY}.", f"My friend {CANARY} plays chess.", name=CANARY, metadata={CANARY: [CANARY]})
    pipeline.say("I live in Porto.", user="ben")
    settle(pipeline)
    before = tables_with(private, CANARY)
    assert {"events", "memories", "memory_versions", "candidates", "entities", "speakers"} <= before
    receipt = erase_user(pipeline)
    assert receipt.counts["events"] == 2
    assert not pipeline.rows("SELECT 1 FROM events UNION ALL SELECT 1 FROM memories")
    settle(pipeline)
    assert tables_with(private, CANARY) == set()
    found = everything(private)
    assert {t for t, rows in found.items() if "(ann" in rows or ",ann," in rows} == {"erasures", "tombstones"}
    assert verify(pipeline, receipt) == {}
    assert pipeline.points() == {}
    assert len(pipeline.points("ben")) > 0
    assert texts_of(pipeline, "ben") == ["The user lives in Porto."]


def texts_of(pipeline: Pipeline, user: str) -> list[str]:
    return [row["text"] for row in pipeline.rows("SELECT text FROM memories WHERE status = 'active'", user)]


def test_verification_finds_what_was_planted_back(pipeline):
    pipeline.say(f"I live in {CANARY}.")
    settle(pipeline)
    receipt = erase_user(pipeline)
    settle(pipeline)
    assert verify(pipeline, receipt) == {}
    plants = {
        "speakers": "INSERT INTO speakers VALUES (%(p)s, 'ann', 'x', 'user')",
        "served": "INSERT INTO served VALUES (%(p)s, 'ann', 1, now() - interval '1 day', now())",
        "work": "INSERT INTO work (project_id, kind, user_id) VALUES (%(p)s, 'tidy', 'ann')",
        "entities": "INSERT INTO entities (id, project_id, user_id, name, normalised)"
        " VALUES (gen_random_uuid(), %(p)s, 'ann', 'x', 'x')",
        "jobs": "INSERT INTO jobs (id, project_id, kind, scope, state, created_at) VALUES (gen_random_uuid(), %(p)s,"
        " 'x', '{\"user_id\": \"ann\"}', 'failed', now() - interval '1 day')",
        "idempotency_keys": "INSERT INTO idempotency_keys (project_id, api_key_id, key, request_hash, status, body,"
        " created_at) VALUES (%(p)s, 'k', 'k', '', 200, '{\"user_id\":\"ann\"}', now() - interval '1 day')",
    }
    for table, statement in plants.items():
        with pipeline.db.transaction(pipeline.project) as conn:
            conn.execute(statement, {"p": pipeline.project.project_id})
            if table == "work":
                conn.execute("UPDATE work SET created_at = now() - interval '1 day' WHERE kind = 'tidy'")
        assert table in verify(pipeline, receipt), table


def test_new_events_pass_after_the_erasure_and_only_older_rows_are_swept(pipeline):
    pipeline.say("I live in Porto.")
    settle(pipeline)
    receipt = erase_user(pipeline)
    pipeline.say("I live in Oslo.")
    settle(pipeline)
    assert texts(pipeline) == ["The user lives in Oslo."]
    assert verify(pipeline, receipt) == {}


def test_an_erased_event_takes_its_memories_and_what_it_had_replaced_holds_again(pipeline, private):
    pipeline.say("I live in Porto.")
    _, vienna = pipeline.say("Hello there.", "I live in Vienna.", session="s2", at=later(1))
    settle(pipeline)
    assert texts(pipeline) == ["The user lives in Vienna."]
    receipt = erase_event(pipeline, vienna)
    settle(pipeline)
    assert texts(pipeline) == ["The user lives in Porto."]
    assert "vienna" not in "".join(everything(private).values()).casefold()
    assert len(pipeline.events()) == 2
    assert verify(pipeline, receipt) == {}


def test_what_something_else_has_ended_since_stays_history(pipeline):
    pipeline.say("I live in Porto.")
    (vienna,) = pipeline.say("I live in Vienna.", session="s2", at=later(1))
    pipeline.say("I live in Oslo.", session="s3", at=later(2))
    settle(pipeline)
    erase_event(pipeline, vienna)
    settle(pipeline)
    assert texts(pipeline) == ["The user lives in Oslo."]
    porto, oslo = (
        pipeline.rows(
            "SELECT id, superseded_by, live_until, live_from FROM memories WHERE text LIKE %s", values=(like,)
        )[0]
        for like in ("%Porto%", "%Oslo%")
    )
    assert porto["superseded_by"] == oslo["id"]
    assert porto["live_until"] == oslo["live_from"]


def later(days: int):

    return START + timedelta(days=days)


def test_a_memory_of_two_sources_keeps_the_words_of_the_one_that_stays(pipeline, private):
    pipeline.say("I play the cello.")
    (second,) = pipeline.say("I play the cello.", session="s2", at=later(1))
    settle(pipeline)
    assert len(pipeline.rows("SELECT 1 FROM memory_sources")) == 2
    erase_event(pipeline, second)
    settle(pipeline)
    assert texts(pipeline) == ["The user plays the cello."]
    assert len(pipeline.rows("SELECT 1 FROM memory_sources")) == 1


def test_derived_only_keeps_the_events_and_they_are_not_read_again(pipeline):
    (event,) = pipeline.say("I live in Porto.")
    settle(pipeline)
    receipt = erase_event(pipeline, event, derived_only=True)
    settle(pipeline)
    assert [e.content for e in pipeline.events()] == ["I live in Porto."]
    assert texts(pipeline) == []
    assert verify(pipeline, receipt) == {}


def test_a_source_is_erased_by_what_its_events_carry(pipeline):
    pipeline.say("I live in Porto.")
    pipeline.say("I play the cello.", session="s2", metadata={"tool": "import", "n": 1})
    settle(pipeline)
    with pipeline.db.transaction(pipeline.user()) as conn:
        chosen = Source(metadata={"tool": "import"})
        receipt = erasures.source(conn, pipeline.user(), chosen, order(TargetKind.SOURCE, "metadata"), KEY)
    settle(pipeline)
    assert texts(pipeline) == ["The user lives in Porto."]
    assert receipt.counts["events"] == 1
    assert verify(pipeline, receipt) == {}


def test_a_planted_memory_of_an_erased_event_is_found_by_its_words(pipeline):
    (event,) = pipeline.say(f"I bought a zeppelin called {CANARY} in March.")
    pipeline.say("I live in Porto.", session="s2")
    settle(pipeline)
    receipt = erase_event(pipeline, event)
    settle(pipeline)
    assert verify(pipeline, receipt) == {}
    with pipeline.db.transaction(pipeline.user()) as conn:
        conn.execute("UPDATE scenes SET summary = %s", (f"Owns a zeppelin called {CANARY}.",))
    assert verify(pipeline, receipt) == {"scenes": 1}


def test_a_repeat_of_a_turn_after_its_erasure_is_told_apart(pipeline):
    said = f"I bought a zeppelin called {CANARY} in March."
    (event,) = pipeline.say(said)
    settle(pipeline)
    receipt = erase_event(pipeline, event)
    pipeline.say(said, session="s2")
    settle(pipeline)
    with pipeline.db.transaction(pipeline.user()) as conn:
        seen = erasures.verify(conn, pipeline.user(), receipt)
    assert seen.again["events"] == 1
    assert not seen.found


@pytest.mark.parametrize("kind", [WorkKind.EXTRACT, WorkKind.CONSOLIDATE, WorkKind.TIDY])
def test_a_worker_that_read_before_the_erasure_writes_nothing_after_it(pipeline, kind, monkeypatch):
    """The erasure commits between the stage's reading and its writing."""
    (event,) = pipeline.say(f"I live in {CANARY}.")
    if kind is not WorkKind.EXTRACT:
        pipeline.run(WorkKind.EXTRACT)
    if kind is WorkKind.TIDY:
        pipeline.run(WorkKind.CONSOLIDATE)
        with pipeline.db.transaction(pipeline.project) as conn:
            conn.execute("UPDATE work SET run_after = now()")
    with pipeline.db.transaction(None) as conn:
        (item,) = work.claim(conn, [kind], 1, 60)
    stage = pipeline.runner._stages[item.kind]
    erase_event(pipeline, event)
    with pytest.raises((LeaseLostError, ErasedMeanwhileError)):
        stage.run(pipeline.context, item, Lease(item, 1e12, 60))
    settle(pipeline)
    assert pipeline.rows("SELECT 1 FROM memories WHERE text <> ''") == []
    assert pipeline.rows("SELECT 1 FROM scenes") == []


def test_a_writer_without_a_unit_of_the_user_asks_for_the_tombstone(pipeline):
    (event,) = pipeline.say("I live in Porto.")
    settle(pipeline)
    with pipeline.db.transaction(pipeline.user()) as conn:
        since = tombstones.now(conn)
        tombstones.check(conn, pipeline.user(), since)
    erase_event(pipeline, event)
    with pipeline.db.transaction(pipeline.user()) as conn, pytest.raises(ErasedMeanwhileError):
        tombstones.check(conn, pipeline.user(), since)
    with pipeline.db.transaction(pipeline.user()) as conn:
        tombstones.check(conn, pipeline.user(), tombstones.now(conn))


def test_the_index_is_written_anew_without_what_was_erased(pipeline):
    (event, _) = pipeline.say(f"I live in {CANARY}.", "I play the cello.")
    settle(pipeline)
    no_rest(pipeline)
    old = pipeline.context.collections.name()
    files = pipeline.context.settings.mneme_home / "index"
    assert holds(files, event.bytes) or holds(files, str(event).encode())
    receipt = erase_event(pipeline, event)
    for _ in range(3):
        pipeline.settle()
    pipeline.context.collections.forget()
    assert pipeline.context.collections.name() != old
    assert not (files / old).exists()
    assert not holds(files, event.bytes)
    assert not holds(files, str(event).encode())
    with pipeline.db.transaction(pipeline.project) as conn:
        final = erasures.get(conn, pipeline.project, receipt.id)
    assert final.state == "done"
    assert final.pending == ()
    assert final.notes["index"] == "rewritten"
    assert final.notes["postgresql"] == "vacuumed"


def holds(directory, needle: bytes) -> bool:
    return any(needle in file.read_bytes() for file in directory.rglob("*") if file.is_file())


def test_what_the_policy_keeps_no_longer_is_erased_with_a_receipt(pipeline):
    pipeline.say("I live in Porto.")
    settle(pipeline)
    body = DEFAULT.model_dump(mode="json")
    body["forgetting"]["event_days"] = 30.0
    with pipeline.db.transaction(pipeline.project) as conn:
        policy.put(conn, pipeline.project, None, body)
    assert upkeep.RUN["erase_aged"](pipeline.later(timedelta(days=29)).context) is None
    assert len(pipeline.events()) == 1
    upkeep.RUN["erase_aged"](pipeline.later(timedelta(days=31)).context)
    assert pipeline.events() == []
    assert texts(pipeline) == []
    with pipeline.db.transaction(pipeline.project) as conn:
        (receipt,) = erasures.page(conn, pipeline.project, user_id="ann", after=None, limit=10)
    assert (receipt.target_kind, receipt.reason, receipt.created_by) == ("age", "age", "policy")


def test_with_a_qdrant_server_nothing_is_rewritten_and_the_receipt_says_so(pipeline):
    (event, _) = pipeline.say(f"I live in {CANARY}.", "I play the cello.")
    settle(pipeline)
    receipt = erase_event(pipeline, event)
    settle(pipeline)
    before = pipeline.context.collections.name()
    settings = pipeline.context.settings.model_copy(update={"qdrant_url": "http://qdrant:6333"})
    with pipeline.db.transaction(pipeline.project) as conn:
        conn.execute("UPDATE work SET run_after = now() WHERE kind = 'rewrite'")
    with pipeline.db.transaction(None) as conn:
        (item,) = work.claim(conn, [WorkKind.REWRITE], 1, 60)
    erasing.rewrite(replace(pipeline.context, settings=settings), item, Lease(item, 1e12, 60))
    with pipeline.db.transaction(pipeline.project) as conn:
        final = erasures.get(conn, pipeline.project, receipt.id)
    assert (final.state, final.notes["index"].split(";")[0]) == ("done", "deleted")
    assert pipeline.context.collections.name() == before
    assert event not in pipeline.points()


def test_a_reworded_memory_leaves_its_place_to_one_that_says_the_same(pipeline):
    """Two turns tell one memory its words in turn; the first wording is another memory's by now."""
    pipeline.say("I play the cello.")
    (second,) = pipeline.say("I play the cello.", session="s2", at=later(1))
    settle(pipeline)
    (memory,) = pipeline.rows("SELECT id FROM memories WHERE status = 'active'")
    with pipeline.db.transaction(pipeline.user()) as conn:
        conn.execute("UPDATE memories SET text = 'The user plays it.', text_hash = 'x', version = 2")
        conn.execute(RECORD, {"id": memory["id"], "change": "merge", "reason": None, "actor": "pipeline",
                              "project": pipeline.project.project_id, "user": "ann"})  # fmt: skip
        conn.execute(
            "INSERT INTO memories (id, project_id, user_id, type, text, text_hash, occurred_at, live_from)"
            " SELECT gen_random_uuid(), project_id, user_id, type, 'The user plays the cello.', %s, now(), now()"
            " FROM memories",
            (text_hash("The user plays the cello."),),
        )
    erase_event(pipeline, second)
    assert texts(pipeline) == ["The user plays the cello."]
    assert texts(pipeline, "erased") == [""]
