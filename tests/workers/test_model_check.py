"""What a model proposes is only believed as far as it can be checked."""

from datetime import datetime
from uuid import uuid4

import pytest

from app.domain.event import Event, Role
from app.domain.memory import MemoryType
from app.domain.policy import DEFAULT
from tests.support.scripted_llm import statement
from workers.extract import attributes
from workers.extract.gate import skip_reason
from workers.extract.model_check import Reading, candidate_of, no_source, words_of
from workers.extract.model_keys import VOCABULARY, attribute_key, subject_key, value_key
from workers.extract.model_prompt import SCHEMA, Shown, instructions, messages

AT = datetime.fromisoformat("2024-09-16T23:30:00-05:00")  # a Monday; the next day in UTC


def turn(content, role=Role.USER, name=None):
    return Event(uuid4(), "c", "ann", "s1", None, role, name, content, AT, {}, 1, AT)


def shown(text, *, at=None, subject="user", **key):
    given = {"attribute": None, "value": None, "single_valued": False, "type": MemoryType.FACT, **key}
    return Shown(id=uuid4(), text=text, subject=subject, said_at=at or AT.replace(day=1), event_ids=(uuid4(),), **given)


def read(raw, *events, memories=()):
    events = events or (turn("I live in Ghent with my dog Rex. Yesterday I sold my car."),)
    gated = {e.id: r for e in events if (r := skip_reason(e, DEFAULT))}
    reading = Reading(
        turns=dict(enumerate(events, 1)),
        new=frozenset(range(1, len(events) + 1)),
        shown=dict(enumerate(memories, 1)),
        skipped={e.id: reason for e in events if (reason := no_source(e, gated.get(e.id)))},
        words=words_of(events),
        policy=DEFAULT.extract,
    )
    return candidate_of(raw, reading)


HOME = {"attribute": "Home", "value": "the Ghent", "subject": "The user", "single_valued": False}


def test_a_good_statement_becomes_a_candidate():
    made = read(statement("The user lives in Ghent", ["1"], **HOME, valid_from="2019", event_time="soon"))
    assert made.text == "The user lives in Ghent."
    assert (made.subject, made.attribute, made.value, made.single_valued) == ("user", "home", "ghent", True)
    assert (made.valid_from.text, made.event_time, made.occurred_at) == ("2019", None, AT)
    assert made.entities == ("Ghent",)


REFUSED = {
    "no_text": {"text": " "},
    "no_source": {"turns": [7, "x", None, True, {}]},
    "question": {"text": "Does the user live in Ghent?"},
    "too_short": {"text": "Ghent."},
    "too_long": {"text": "The user lives in Ghent " + "very " * 60},
    "not_self_contained": {"text": "He lives in Ghent with Rex."},
    "not_a_fact": {"text": "The user asked about Ghent and dogs."},
    "not_grounded": {"text": "Somebody owns three submarines."},
    "secret": {"text": "The user's wifi password is hunter2secret in Ghent."},
}


@pytest.mark.parametrize("reason", REFUSED)
def test_what_is_refused(reason):
    assert read(statement("The user lives in Ghent.", [1]) | REFUSED[reason]) == reason


@pytest.mark.parametrize("name", sorted(SCHEMA["properties"]["statements"]["items"]["properties"]))
@pytest.mark.parametrize("wrong", [None, 7, 1e400, "", [], {}, [[]], [{}], "x" * 5_000, -1, True], ids=repr)
def test_a_field_of_the_wrong_type_does_no_harm(name, wrong):
    made = read(statement("The user lives in Ghent.", [1], **HOME) | {name: wrong}, memories=[shown("The user hikes.")])
    assert isinstance(made, str) or made.text


def test_what_cannot_be_stored_is_left_out():
    made = read(statement("The user lives\x00 in Ghent \ud800.", [1], **HOME | {"value": "ghent\x00\udfff"}))
    assert (made.text, made.value) == ("The user lives in Ghent .", "ghent")


def test_words_that_do_not_last_are_put_into_dates():
    made = read(statement("I sold my car yesterday.", [1], event_time="2024-09-15T10:00:00"))
    assert made.text == "The user sold the user's car on 15 September 2024."
    assert made.event_time.text == "2024-09-15"


def test_a_plan_that_lies_behind_is_an_episode():
    made = read(statement("The user sold the car.", [1], type="foresight", event_time="2024-09-15"))
    assert made.type is MemoryType.EPISODE


def test_a_long_text_is_cut_between_sentences():
    made = read(statement("The user lives in Ghent. " + "The user has a dog. " * 15, [1]))
    assert made.text.endswith("dog.")
    assert len(made.text) <= DEFAULT.extract.max_length


def test_who_speaks_by_name_is_the_subject():
    made = read(
        statement("Anna's dog is Rex.", [1], subject="the user's dog", attribute="name", value="Rex"),
        turn("My dog is Rex.", name="Anna"),
    )
    assert made.subject == "anna dog"


def test_only_what_people_say_is_a_source():
    tool, guess = turn("Ghent is sunny", Role.TOOL), turn("You surely live in Ghent", Role.ASSISTANT)
    assert read(statement("The user lives in Ghent.", [1]), tool) == "tool_output"
    assert read(statement("The user lives in Ghent.", [1]), guess) == "assistant"
    assert no_source(guess, None) == "assistant"
    assert no_source(turn("You surely live in Ghent", Role.ASSISTANT, name="Bob"), None) is None
    yes = turn("yes")
    assert read(statement("The user lives in Ghent.", [1, 2]), guess, yes).event_ids == (yes.id,)
    promise = turn("I'll warn you on Fridays", Role.ASSISTANT)
    assert read(
        statement("The assistant will warn the user on Fridays.", [1], subject="assistant"), promise
    ).event_ids == (promise.id,)


OLD_HOME = {"attribute": "home", "value": "bruges", "single_valued": True}


def test_what_is_known_already_is_said_in_the_known_words():
    old = shown("The user is living in Ghent.", attribute="home", value="ghent", single_valued=True)
    made = read(statement("The user lives in Ghent.", [1], relation="same_as", memories=[1]), memories=[old])
    assert (made.text, made.attribute) == (old.text, "home")


def test_a_replaced_memory_lends_its_key():
    old = shown("The user lives in Bruges.", **OLD_HOME)
    made = read(
        statement(
            "The user lives in Ghent.", [1], attribute="city", value="Ghent", relation="replaces", memories=[1, 9]
        ),
        memories=[old],
    )
    assert (made.attribute, made.value, made.single_valued, made.targets) == ("home", "ghent", True, (old.id,))
    assert not made.correction


def test_what_was_replaced_already_lends_no_key():
    old = shown("The user's phone is a Nokia.", attribute="phone", value="nokia", single_valued=True)
    new = shown(
        "The user's phone is a Pixel.", at=AT.replace(day=2), attribute="phone", value="pixel", single_valued=True
    )
    kept = statement("The user keeps the Nokia.", [1], attribute="old_phone", relation="replaces", memories=[1])
    made = read(kept | {"value": "nokia"}, turn("I keep the Nokia in a drawer."), memories=[old, new])
    assert (made.attribute, made.targets) == ("old_phone", (old.id,))


def test_what_two_did_changes_what_is_known_of_either():
    old = shown(
        "The user's sister Noor dates Alfie.", subject="user sister noor", attribute="relationship", value="alfie"
    )
    parted = statement("Alfie and Noor broke up.", [1], subject="user mate alfie", relation="ends", memories=[1])
    made = read(parted, turn("Alfie and Noor broke up."), memories=[old])
    assert made.ends
    assert made.targets == (old.id,)


@pytest.mark.parametrize("relation", ["replaces", "corrects", "ends", "retracts", "same_as"])
def test_ids_that_were_not_shown_are_dropped(relation):
    made = read(
        statement("The user lives in Ghent.", [1], relation=relation, memories=[2, 99, "x"]),
        memories=[shown("The user hikes.")],
    )
    assert made == "takes_back_nothing" if relation == "retracts" else not (made.targets or made.corrects or made.ends)


def test_a_correction_and_an_end():
    old = shown("The user has a dog called Max.", attribute="pet", value="max")
    made = read(
        statement(
            "The user's dog is called Rex.", [1], relation="corrects", memories=[1], attribute="pet", value="Rex"
        ),
        memories=[old],
    )
    assert (made.correction, made.corrects, made.targets) == (True, old.event_ids, (old.id,))
    car = shown("The user has a Volvo.", attribute="car", value="volvo", single_valued=True)
    made = read(statement("The user sold the car.", [1], relation="ends", memories=[1]), memories=[car])
    assert (made.ends, made.attribute, made.value, made.targets) == (True, "car", "volvo", (car.id,))


def test_another_persons_news_touches_nothing():
    old = shown("The user lives in Bruges.", **OLD_HOME)
    made = read(
        statement(
            "The user's sister lives in Ghent.",
            [1],
            **HOME | {"subject": "user sister"},
            relation="replaces",
            memories=[1],
        ),
        memories=[old],
    )
    assert (made.subject, made.targets, made.correction) == ("user sister", (), False)


def test_older_news_replaces_nothing():
    later = shown("The user lives in Bruges.", at=AT.replace(day=30), **OLD_HOME)
    made = read(statement("The user lives in Ghent.", [1], **HOME, relation="replaces", memories=[1]), memories=[later])
    assert (made.attribute, made.targets, made.correction) == ("home", (), False)


def test_what_is_taken_back_is_named():
    old = shown("The user has a dog.")
    made = read(statement("The dog is taken back.", [1], relation="retracts", memories=[1]), memories=[old])
    assert (made.retracts, made.targets) == (old.event_ids, (old.id,))


def test_local_and_model_keys_agree():
    local = {name: single for name, single, _ in attributes._RULES}
    assert {name: VOCABULARY.get(name, single) for name, single in local.items()} == local
    assert {"name", "home", "job", "employer", "diet", "allergy", "likes", "pet"} <= local.keys() & VOCABULARY.keys()
    assert all(f"`{name}`" in instructions() for name in VOCABULARY)
    assert subject_key("The user's sister Anna", None) == "user sister anna"
    assert attribute_key("Favorite ice cream") == attribute_key("favourite:ice cream") == "favourite:ice cream"
    assert attribute_key("shoe size") == "shoe_size"
    assert value_key("a  Volvo ") == "volvo"


def test_the_longest_turn_and_a_tool_are_shown_in_part():
    events = [turn("word " * 20_000), turn("line " * 5_000, Role.TOOL)]
    content = messages(events, [], [], frozenset())[1]["content"]
    assert len(content) < 8_000
    assert content.count("[...]") == 2
