"""What is said again after an erasure and what only seems so; whose words a memory has; what a merged one keeps."""

from uuid import UUID

import pytest

from app.domain.lifecycle import StateAction
from app.services import erasures, lifecycle
from app.services.lifecycle import Order
from app.storage import erasure_scan, sessions, tombstones
from tests.support.sleep_jobs import CLIMBS, asleep, climbs
from tests.workers.conftest import START
from tests.workers.erased import (
    CANARY,
    erase_event,
    erase_memory,
    erase_user,
    later,
    settle,
    tables_with,
    texts,
    verify,
)

SAME = "I live in Porto."


def freeze(pipeline, memory_id: UUID) -> None:
    """As `POST /v1/memories/{id}/state` does for a key."""
    with pipeline.db.transaction(pipeline.user()) as conn:
        asked = Order(StateAction.FREEZE, None, None, "key:test")
        lifecycle.act(conn, pipeline.user(), memory_id, asked, START)


def rest_on(pipeline, memory_id: UUID, event_id: UUID) -> None:
    """The memory rests on a turn that never told its words."""
    with pipeline.db.transaction(pipeline.user()) as conn:
        conn.execute(
            "INSERT INTO memory_sources (memory_id, event_id, project_id, user_id)"
            " SELECT id, %s, project_id, user_id FROM memories WHERE id = %s",
            (event_id, memory_id),
        )


def only_memory(pipeline) -> UUID:
    (row,) = pipeline.rows("SELECT id FROM memories WHERE status = 'active'")
    return row["id"]


def verification(pipeline, receipt):
    with pipeline.db.transaction(pipeline.user()) as conn:
        return erasures.verify(conn, pipeline.user(), receipt)


def test_a_key_that_froze_a_memory_has_not_written_its_words(pipeline, private):
    (told, _) = pipeline.say(f"I live in {CANARY}.", "Hello there.")
    settle(pipeline)
    memory = only_memory(pipeline)
    freeze(pipeline, memory)
    (other,) = pipeline.rows("SELECT id FROM events WHERE content = 'Hello there.'")
    rest_on(pipeline, memory, other["id"])
    receipt = erase_event(pipeline, told)
    settle(pipeline)
    assert texts(pipeline) == []
    assert tables_with(private, CANARY) == set()
    assert verify(pipeline, receipt) == {}


def test_only_what_an_app_wrote_itself_is_taken_for_its_words(pipeline):
    pipeline.say(SAME)
    settle(pipeline)
    freeze(pipeline, only_memory(pipeline))
    with pipeline.db.transaction(pipeline.user()) as conn:
        assert erasure_scan.sample(conn, pipeline.user(), 10) == [SAME]


def test_what_a_turn_that_stays_tells_later_is_said_again(pipeline):
    """The statement is made after the erasure, of a turn from before it that nobody had read yet."""
    (first,) = pipeline.say(SAME)
    settle(pipeline)
    pipeline.say(SAME, session="s2", at=later(1))
    receipt = erase_event(pipeline, first)
    pipeline.run("job")  # the words that are left are told apart before the second turn is read
    assert texts(pipeline) == []
    settle(pipeline)
    assert texts(pipeline) == ["The user lives in Porto."]
    seen = verification(pipeline, receipt)
    assert seen.found == {}
    assert seen.again["candidates"] == 1


@pytest.mark.parametrize("told_by", ["erased", "derived", "nobody"])
def test_a_statement_of_what_is_gone_is_found(pipeline, told_by):
    (first, second) = pipeline.say(SAME, "I play the cello.")
    settle(pipeline)
    receipt = erase_event(pipeline, first)
    if told_by == "derived":
        erase_event(pipeline, second, derived_only=True)
    settle(pipeline)
    event = {"erased": [first], "derived": [second], "nobody": []}[told_by]
    names = "[" + ", ".join(f'"{id_}"' for id_ in event) + "]"
    with pipeline.db.transaction(pipeline.user()) as conn:
        conn.execute(
            "INSERT INTO segments (id, project_id, user_id, session_id, event_ids, events_hash, extractor, started_at,"
            " ended_at) VALUES (gen_random_uuid(), %s, 'ann', 's9', '{}', '', 'x', now(), now())",
            (pipeline.project.project_id,),
        )
        conn.execute(
            "INSERT INTO candidates (id, project_id, user_id, session_id, segment_id, ordinal, event_ids, occurred_at,"
            " body) SELECT gen_random_uuid(), project_id, user_id, 's9', id, 0, %s, now(), jsonb_build_object("
            " 'text', 'The user lives in Porto.', 'event_ids', %s::jsonb) FROM segments WHERE session_id = 's9'",
            (event, names),
        )
    assert "candidates" in verify(pipeline, receipt)


def test_words_of_a_form_are_not_taken_for_what_somebody_said(pipeline):
    """Reflections hold "conversations" whoever they are of; the user never said it."""
    climbs(pipeline)
    asleep(pipeline)
    (turn,) = pipeline.rows("SELECT id FROM events WHERE content = %s", values=[CLIMBS[3]])
    receipt = erase_event(pipeline, turn["id"])
    pipeline.run("job")
    asleep(pipeline)
    (made,) = pipeline.rows("SELECT text FROM memories WHERE type = 'reflection'")
    assert "conversations" in made["text"]
    assert verify(pipeline, receipt) == {}


def test_a_reflection_that_is_unmade_may_be_derived_again_and_not_imported(pipeline):
    members = climbs(pipeline)
    asleep(pipeline)
    (made,) = pipeline.rows("SELECT id FROM memories WHERE type = 'reflection'")
    receipt = erase_memory(pipeline, members[0])
    with pipeline.db.transaction(pipeline.user()) as conn:
        stones = tombstones.erased(conn, pipeline.user(), "derived", [str(made["id"])])
        logged = erasures.entry(conn, receipt, pipeline.project.project_id)
    assert stones == {str(made["id"]): receipt.erased_at}
    assert (logged["events"], logged["unmade"]) == ([], [str(made["id"])])


def test_a_memory_that_stays_loses_the_names_that_only_an_erased_turn_told(pipeline):
    """As one has that took over what was merged into it."""
    pipeline.say("I play the cello.")
    (second,) = pipeline.say("I play the cello.", session="s2", at=later(1))
    settle(pipeline)
    memory = only_memory(pipeline)
    with pipeline.db.transaction(pipeline.user()) as conn:
        for name, event in (("Zoltan", second), ("Yaroslava", None)):
            conn.execute(
                "WITH n AS (INSERT INTO entities (id, project_id, user_id, name, normalised) SELECT gen_random_uuid(),"
                " project_id, user_id, %s, %s FROM memories WHERE id = %s RETURNING id, project_id, user_id)"
                " INSERT INTO memory_entities (memory_id, entity_id, project_id, user_id) SELECT %s, id, project_id,"
                " user_id FROM n",
                (name, name.casefold(), memory, memory),
            )
            conn.execute(
                "UPDATE candidates SET body = body || jsonb_build_object('entities', ARRAY[%s])"
                " WHERE (event_ids @> ARRAY[%s::uuid]) = %s",
                (name, second, event is not None),
            )
        conn.execute("UPDATE memories SET context = 'With Zoltan.'")
    erase_event(pipeline, second)
    assert texts(pipeline) == ["The user plays the cello."]
    assert [row["name"] for row in pipeline.rows("SELECT name FROM entities")] == ["Yaroslava"]
    assert pipeline.rows("SELECT context FROM memories") == [{"context": ""}]


def test_a_session_counts_the_turns_that_it_has_and_gives_no_place_twice(pipeline):
    (_, second, _) = pipeline.say("One.", "Two.", "Three.")
    settle(pipeline)
    erase_event(pipeline, second)
    pipeline.say("Four.", at=later(1))
    with pipeline.db.transaction(pipeline.user()) as conn:
        found = sessions.get(conn, pipeline.user(), "s1")
    assert found.events == 3
    places = pipeline.rows("SELECT content, place FROM events ORDER BY place")
    assert [(row["content"], row["place"]) for row in places] == [("One.", 1), ("Three.", 3), ("Four.", 4)]


def test_an_erased_user_who_is_slept_on_again_is_not_found_by_the_form(pipeline):
    climbs(pipeline)
    asleep(pipeline)
    (made,) = pipeline.rows("SELECT id FROM memories WHERE type = 'reflection'")
    freeze(pipeline, made["id"])
    receipt = erase_user(pipeline)
    settle(pipeline)
    pipeline.say("Hello.")
    with pipeline.db.transaction(pipeline.user()) as conn:
        conn.execute(
            "INSERT INTO memories (id, project_id, user_id, type, text, text_hash, occurred_at, live_from)"
            " VALUES (gen_random_uuid(), %s, 'ann', 'reflection', %s, 'x', now(), now())",
            (pipeline.project.project_id, "The user has spoken of chess in 5 conversations in May 2026."),
        )
    assert verify(pipeline, receipt) == {}
