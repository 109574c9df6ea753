"""Erasures through the whole pipeline: what goes, what stays, what holds again, and that nothing is left behind."""

from app.domain.erasure import TargetKind
from app.services import erasures
from app.services.erasures import Source
from app.storage.db import Database
from app.storage.erasure_tables import HELD, NOTHING, OF_PROJECT, OTHERWISE
from tests.support.erasing import KEY, order
from tests.workers.erased import (
    CANARY,
    erase_event,
    erase_user,
    everything,
    later,
    settle,
    tables_with,
    texts,
    texts_of,
    verify,
)


def test_every_table_of_users_is_known_to_the_erasure(private):

    owner = Database(private.owner_dsn, size=1)
    owner.open()
    with owner.transaction(None) as conn:
        rows = conn.execute(
            "SELECT table_name, array_agg(column_name::text) AS columns, array_agg(column_name::text)"
            " FILTER (WHERE data_type IN ('text', 'json', 'jsonb', 'ARRAY')) AS texts"
            " FROM information_schema.columns JOIN information_schema.tables t USING (table_schema, table_name)"
            " WHERE table_schema = 'public' AND t.table_type = 'BASE TABLE' GROUP BY table_name"
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
        "created_by", "fingerprint",
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
