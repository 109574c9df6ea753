import re
import time
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from app.domain.event import Event, Role
from app.domain.memory import MemoryType
from app.domain.policy import DEFAULT
from workers.extract.local import extract

SAID = datetime(2025, 5, 7, 18, 0, tzinfo=UTC)  # a Wednesday
RELATIVE = re.compile(
    r"\b(?:i|i'm|my|mine|me|we|our|you|your|today|yesterday|tomorrow|tonight|(?:last|next|this) \w+day|\w+ ago)\b",
    re.IGNORECASE,
)


def turn(content: str, *, role: Role = Role.USER, name: str | None = None, minute: int = 0) -> Event:
    """One event of a session."""
    at = SAID + timedelta(minutes=minute)
    identity = uuid4()
    return Event(identity, str(identity), "u", "s", None, role, name, content, at, {}, minute, at)


def texts(*contents: str, name: str | None = None) -> list[str]:
    """What is made of turns of the user."""
    events = [turn(content, name=name, minute=i) for i, content in enumerate(contents)]
    return [candidate.text for candidate in extract(events, [], DEFAULT)[0]]


def reason(content: str, *, role: Role = Role.USER) -> str:
    """Why nothing is made of a turn."""
    event = turn(content, role=role)
    made, skipped = extract([event], [], DEFAULT)
    assert made == []
    return skipped[event.id]


REWRITTEN = [
    ("I love jazz and hate rock", "The user loves jazz and hates rock."),
    ("I moved to Lisbon last month", "The user moved to Lisbon in April 2025."),
    ("I'm allergic to peanuts lol", "The user is allergic to peanuts."),
    ("i dont eat meat", "The user does not eat meat."),
    ("My sister Anna lives in Porto.", "The user's sister Anna lives in Porto."),
    ("we've got two cats and a dog", "The user has got two cats and a dog."),
    ("haha ok. oh and I work at Globex as an analyst", "The user works at Globex as an analyst."),
    ("passed my driving test last friday!!", "The user passed the user's driving test on 2 May 2025."),
    ("mum lives in Harrogate", "The user's mum lives in Harrogate."),
    ("my dog's a greyhound", "The user's dog is a greyhound."),
    ("I'm flying to Athens in ten days", "The user is flying to Athens on 17 May 2025."),
    ("my wife Tess and I are moving to Bath", "The user's wife Tess and the user are moving to Bath."),
    ("I've never been to Japan", "The user has never been to Japan."),
    ("vegan since 2016", "The user is vegan since 2016."),
    ("always use metric units please", "The user has a standing request: always use metric units."),
]


@pytest.mark.parametrize(("said", "meant"), REWRITTEN, ids=[said for said, _ in REWRITTEN])
def test_what_is_said_becomes_a_statement_for_itself(said, meant):
    assert texts(said) == [meant]


SKIPPED = [
    ("what's a good way to learn Dutch", "question"),
    ("can you recommend a film?", "question"),
    ("see you later!", "small_talk"),
    ("write me a poem about soup", "request"),
    ("if I moved to Rome I would be happy", "hypothetical"),
    ("maybe I should buy a boat", "hypothetical"),
    ("just kidding, I never said that", "withdrawn"),
    ("my mate swears that goldfish have a 3 second memory", "reported"),
    ("my wifi password is hunter2", "secret"),
    ("```python\nimport os\n```", "code"),
    ("\U0001f600", "too_short"),
    ('"I grew up with my aunt Nadia and her plov" he wrote', "quotation"),
]


@pytest.mark.parametrize(("said", "why"), SKIPPED, ids=[said[:30] for said, _ in SKIPPED])
def test_what_is_no_statement_is_left_out_with_its_reason(said, why):
    if why == "reported":
        assert texts(said.replace("my mate", "Theo"), "Theo is my mate")[1:] == []
        return
    assert reason(said) == why


def test_roles_without_a_life_of_their_own_are_left_out():
    assert reason("I have 3 failed tests", role=Role.TOOL) == "tool_output"
    assert reason("I am a helpful bot", role=Role.SYSTEM) == "system_message"
    assert reason("I love helping people", role=Role.ASSISTANT) == "assistant"


def test_an_assistant_with_a_name_is_a_person():
    events = [
        turn("I adopted a dog yesterday.", name="Caroline"),
        turn("I play the violin, and you inspire me to practise.", role=Role.ASSISTANT, name="Melanie", minute=1),
    ]
    made, _ = extract(events, [], DEFAULT)
    assert [c.text for c in made][:2] == [
        "Caroline adopted a dog on 6 May 2025.",
        "Melanie plays the violin, and Caroline inspires Melanie to practise.",
    ]
    assert made[0].event_ids == (events[0].id,)


def test_a_joke_takes_back_what_the_message_said():
    assert texts("I'm the king of Norway. just kidding") == []


def test_a_game_is_not_taken_for_a_life():
    assert texts("roast me", "I'm the king of Norway and I own 14 yachts", "I live in Oslo") == [
        "The user lives in Oslo."
    ]


def test_pronouns_are_resolved_inside_the_segment():
    assert texts("my boss Yolanda hired a new guy", "she's vegan") == [
        "The user's boss Yolanda hired a new guy.",
        "The user's boss Yolanda is vegan.",
    ]


def test_context_tells_who_is_meant_and_gives_no_candidates():
    context = [turn("my brother Curtis is a plumber")]
    made, _ = extract([turn("he lives in Omaha", minute=5)], context, DEFAULT)
    assert [c.text for c in made] == ["The user's brother Curtis lives in Omaha."]


def test_a_short_answer_carries_its_question():
    events = [
        turn("I want to fix my website"),
        turn("Any pets of your own we could mention?", role=Role.ASSISTANT, minute=1),
        turn("two cats, Bazyl and Rydz", minute=2),
    ]
    made, _ = extract(events, [], DEFAULT)
    assert made[-1].text == (
        'To the question "Any pets of your own we could mention?" the user answered: two cats, Bazyl and Rydz.'
    )


KEYS = [
    ("I'm called Marta", ("user", "name", "marta", True)),
    ("I live in New York now", ("user", "home", "new york", True)),
    ("I moved to Porto", ("user", "home", "porto", True)),
    ("I work at Globex", ("user", "employer", "globex", True)),
    ("I'm a vet nurse in Leeds", ("user", "job", "vet nurse", True)),
    ("I turned 32 yesterday", ("user", "age", "32", True)),
    ("my birthday is 3 May", ("user", "birthday", "3 may 2025", True)),
    ("my favourite colour is teal", ("user", "favourite:colour", "teal", True)),
    ("I'm allergic to latex", ("user", "allergy", "latex", False)),
    ("I hate cilantro", ("user", "dislikes", "cilantro", False)),
    ("I speak fluent Dutch", ("user", "language", "dutch", False)),
    ("my sister Anna lives in Porto", ("user sister anna", "home", "porto", True)),
    ("I'm divorced", ("user", "relationship", "divorced", True)),
]


@pytest.mark.parametrize(("said", "key"), KEYS, ids=[said for said, _ in KEYS])
def test_attributes_are_keyed(said, key):
    [made] = extract([turn(said)], [], DEFAULT)[0]
    assert (made.subject, made.attribute, made.value, made.single_valued) == key


def test_types_and_times():
    made = {c.text: c for content in (
        "I love jazz", "I'm flying to Athens on 20 May", "I broke my wrist last friday", "I own a van",
        "I rent here since January 2024 until June 2026",
    ) for c in extract([turn(content)], [], DEFAULT)[0]}  # fmt: skip
    jazz, athens, wrist, van, flat = made.values()
    assert (jazz.type, van.type) == (MemoryType.PREFERENCE, MemoryType.FACT)
    assert (athens.type, athens.event_time.text) == (MemoryType.FORESIGHT, "2025-05-20")
    assert (wrist.type, wrist.event_time.text) == (MemoryType.EPISODE, "2025-05-02")
    assert (flat.valid_from.text, flat.valid_to.text) == ("2024-01", "2026-06")
    assert "Athens" in athens.entities


def test_secrets_never_become_candidates_whatever_stands_around_them():
    message = "I live in Oslo. my api key is sk-proj-abcdefghijklmnop1234, card 4111 1111 1111 1111."
    assert texts(message) == ["The user lives in Oslo."]


def test_a_long_message_gives_statements_that_stand_for_themselves():
    message = (
        "right, long one. docking's done, we ended on 141% which is our best. Bronwyn's home since last monday. "
        "On tuesday the quad rolled, nobody was on it. I think we'll buy the neighbour's land next year, and I told "
        "you about my knee. My mum's visiting this weekend so I cook. We got a pup yesterday! What should I feed her?"
    )
    made = texts(message)
    assert len(made) >= 4
    assert not [text for text in made if RELATIVE.search(text)]
    assert all(len(text) <= DEFAULT.extract.max_length for text in made)


def test_every_event_gives_a_candidate_or_a_reason():
    contents = ["I love jazz", "ok", "hm", "why?", "", "\u4f60\u597d", "a" * 70_000, "x\x07y", "(((", "I " * 5_000]
    events = [turn(content, minute=i) for i, content in enumerate(contents)]
    made, skipped = extract(events, [], DEFAULT)
    assert {i for c in made for i in c.event_ids} | set(skipped) == {event.id for event in events}
    assert not {i for c in made for i in c.event_ids} & set(skipped)


def test_the_result_is_the_same_every_time():
    events = [turn(said, minute=i) for i, (said, _) in enumerate(REWRITTEN)]
    assert extract(events, [], DEFAULT) == extract(events, [], DEFAULT)


@pytest.mark.parametrize("filling", [" ", "\n", ", ", ". ", "' ", "my ", "(", "\n> ", "in 2 ", "Dr. "])
def test_the_longest_content_is_read_in_time_that_grows_with_its_length(filling):
    content = "I live in Oslo. " + filling * (65_000 // len(filling))
    started = time.process_time()
    extract([turn(content)], [], DEFAULT)
    assert time.process_time() - started < 10  # the square of the length would take minutes
