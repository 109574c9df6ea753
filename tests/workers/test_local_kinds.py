"""Short cases for every kind of statement that the local extractor reads."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from app.domain.event import Event, Role
from app.domain.memory import Candidate, MemoryType
from app.domain.policy import DEFAULT
from workers.extract.local import extract

SAID = datetime(2025, 5, 7, 18, 0, tzinfo=UTC)  # a Wednesday


def read(*turns: str) -> list[Candidate]:
    """Candidates of a conversation; turns of the assistant begin with "A: "."""
    events = []
    for minute, said in enumerate(turns):
        role, content = (Role.ASSISTANT, said[3:]) if said.startswith("A: ") else (Role.USER, said)
        at, identity = SAID + timedelta(minutes=minute), uuid4()
        events.append(Event(identity, str(identity), "u", "s", None, role, None, content, at, {}, minute, at))
    return extract(events, [], DEFAULT)[0]


def shown(case: tuple[str, ...] | str) -> str:
    return case if isinstance(case, str) else " / ".join(case)


WISHES = [
    "no intros",
    "no emojis please",
    "keep it short",
    "keep your answers brief",
    "metric please",
    "metric units please, celsius and kilometres",
    "call me Bo",
    "don't call me sir",
    "don't use bullet points",
    "stop apologising",
    "avoid jargon",
    "skip the pep talk",
    "use British spelling",
    "answer in German",
    "be blunt with me",
    "no comments in code unless they explain why",
    "use an analogy first",
    "give me the short version when I'm at work",
    "if it's raining, suggest a museum",
    "if I ask for cake say no",
    "whenever I mention my sister, be gentle",
    "if you write code for me use type hints",
    "always round to two decimals",
    "never suggest seafood",
    "from now on write in French",
    "don't recommend films with spiders",
    "speak Spanish to me",
    "drop the exclamation marks",
    "reply without greetings",
    "no need to explain the steps",
    "please use big font if you make slides for me",
    "every Sunday you remind me to water the plants",
]


@pytest.mark.parametrize("said", WISHES)
def test_a_standing_wish_is_kept_without_a_signal_word(said):
    [made] = read(said)
    assert made.type is MemoryType.PREFERENCE
    assert made.text.startswith(("The user has a standing request: ", "The user wants "))


ONE_OFF = [
    "write me a poem about soup",
    "translate this to French",
    "fix the bug above",
    "use the file I pasted",
    "can you keep a secret?",
    "no problem",
    "no worries",
    "no idea",
    "make a list of capitals",
    "if I won the lottery what should I buy?",
    "if possible",
    "give me an example",
    "recommend a film for tonight",
    "what time is it in Tokyo",
    "thanks a lot",
    "good morning",
    "haha nice one",
    "draft an email to my landlord about the boiler",
    "how do I boil an egg?",
    "if I were rich I would buy a boat",
    "imagine I'm a king",
    "my mate says goldfish forget everything",
    "my uncle swears that aliens built it",
    "I can't stand it",
    "sounds good",
    "see you tomorrow",
]


@pytest.mark.parametrize("said", ONE_OFF)
def test_what_is_asked_once_or_said_to_nobody_is_not_kept(said):
    assert read(said) == []


ALONE = [
    ("can't stand olives", "The user cannot stand olives."),
    ("not a fan of jazz", "The user is not a fan of jazz."),
    ("tea over coffee any day", "The user prefers tea over coffee."),
    ("hate cilantro", "The user hates cilantro."),
    ("just bought a van", "The user bought a van."),
    ("finally moved to Leeds", "The user moved to Leeds."),
    ("shift lead now", "The user is shift lead now."),
    ("stress fracture in the left foot", "The user has a stress fracture in the left foot."),
    ("physio twice a week", "The user has physio twice a week."),
    ("the missus teaches maths", "The user's missus teaches maths."),
    ("the kids love broccoli", "The user's kids love broccoli."),
    ("Dad lives in Hull", "The user's dad lives in Hull."),
    ("I no longer eat meat", "The user no longer eats meat."),
    ("I did costumes at the theatre", "The user did costumes at the theatre."),
    ("I have five cousins and none of them would help", "The user has five cousins."),
    ("start date is four weeks from today", "The user's start date is on 4 June 2025."),
    ("vet moved Rex to dry food", "The user's vet moved Rex to dry food."),
    ("Priya broke her wrist", "Priya broke her wrist."),
    ("Dr Shah wants an x-ray", "Dr Shah wants an x-ray."),
    ("Theo's got asthma now", "Theo's got asthma now."),
    ("next goal: run ten miles", "The user's next goal: run ten miles."),
    ("I run every Tuesday", "The user runs every Tuesday."),
    ("I've lived in Hull since 2019", "The user has lived in Hull since 2019."),
    ("I was in Peru from 3 to 9 April", "The user was in Peru from 3 to 9 April 2025."),
    ("I get home by Christmas", "The user gets home by 25 December 2025 (Christmas)."),
    ("I fly home on new year's eve", "The user flies home on 31 December 2025 (New year's eve)."),
    ("the wedding is in the week of 2 June", "The user's wedding is in the week of 2 June 2025."),
    ("my lease ends in two months", "The user's lease ends in July 2025."),
    ("I'm off sugar until xmas", "The user is off sugar until 25 December 2025 (Christmas)."),
    ("unpacking boxes in the new flat in Ghent", "The user is unpacking boxes in the new flat in Ghent."),
    ("my own eyes are fine", "The user's own eyes are fine."),
    ("I speak Dutch", "The user speaks Dutch."),
    ("I drive a van", "The user drives a van."),
    ("my cousin Basia is pregnant", "The user's cousin Basia is pregnant."),
    ("my bike is a Brompton", "The user's bike is a Brompton."),
    ("my shoe size is 44", "The user's shoe size is 44."),
    ("I'm 181 cm tall", "The user is 181 cm tall."),
    ("I'm vegan", "The user is vegan."),
    ("big fan of ska", "The user is a big fan of ska."),
]


@pytest.mark.parametrize(("said", "meant"), ALONE, ids=[said for said, _ in ALONE])
def test_one_turn_becomes_one_statement(said, meant):
    assert [made.text for made in read(said)] == [meant]


TOGETHER = [
    (("my dog had puppies", "A: What's your dog's name?", "Biscuit"), "The user's dog is called Biscuit."),
    (("A: How tall are you?", "181cm"), "The user is 181cm tall."),
    (("A: How many kids do you have?", "two, Rory and Fern"), "The user has two kids, Rory and Fern."),
    (("A: What car do you drive?", "it's a 2016 Vauxhall"), "The user's car is a 2016 Vauxhall."),
    (("A: Where do you live?", "in Ghent"), "The user lives in Ghent."),
    (("A: What's your name?", "Marta"), "The user's name is Marta."),
    (("A: What is your budget?", "400 euros"), "The user's budget is 400 euros."),
    (("I adopted a cat", "his name's Pangur"), "The user's cat's name is Pangur."),
    (
        ("my sister Noor is dating my mate Alfie", "they broke up"),
        "The user's sister Noor and the user's mate Alfie broke up.",
    ),
    (("my boss is Yolanda", "she's vegan"), "The user's boss is vegan."),
    (("my parents are retired", "they live in Bath"), "The user's parents live in Bath."),
    (("my brother Curtis is a plumber", "his van is red"), "The user's brother Curtis's van is red."),
    (("I got a hedgehog", "he sleeps all day"), "The user's hedgehog sleeps all day."),
    (("my phone is old", "it's a Pixel 6"), "The user's phone is a Pixel 6."),
    (
        ("my talk is on 15 May", "slides due a week before the talk"),
        "The user's slides are due on 8 May 2025 (a week before the talk).",
    ),
    (("my talk is on 15 May", "I fly home the day after"), "The user flies home on 16 May 2025."),
    (
        ("we marry on 20 June", "my dress arrives nine days before the wedding"),
        "The user's dress arrives on 11 June 2025 (nine days before the wedding).",
    ),
    (("I land on 3 June", "I leave two weeks after that"), "The user leaves on 17 June 2025."),
    (
        ("my exam is on 10 June", "the party is the Saturday after the exam"),
        "The user's party is on 14 June 2025 (the Saturday after the exam).",
    ),
    (("Sue (wife) is a nurse", "Sue works nights"), "The user's wife Sue works nights."),
    (("my son Bo is six", "Bo has a cold"), "The user's son Bo has a cold."),
]


@pytest.mark.parametrize(("turns", "meant"), TOGETHER, ids=[shown(turns) for turns, _ in TOGETHER])
def test_a_turn_is_read_beside_those_before_it(turns, meant):
    assert read(*turns)[-1].text == meant


CORRECTIONS = [
    (
        "I have a dentist appointment on 3 June at 9am",
        "no, I meant 4 June",
        "The user has a dentist appointment on 4 June 2025 at 9am.",
    ),
    (
        "I have a dentist appointment on 3 June at 9am",
        "sorry, 10am",
        "The user has a dentist appointment on 3 June 2025 at 10am.",
    ),
    ("my phone number ends in 4471", "sorry, 4417", "The user's phone number ends in 4417."),
    ("my train leaves at 6pm on Friday", "make that 7pm", "The user's train leaves at 7pm on 9 May 2025."),
    ("my flight is on 13 June", "actually it's the 14th now", "The user's flight is on 14 June 2025."),
    ("I live in Leeds", "not Leeds, Bradford", "The user lives in Bradford."),
    ("I live in Leeds", "Bradford, not Leeds", "The user lives in Bradford."),
    ("my boss is called Joan", "sorry, June", "The user's boss is called June."),
    ("my interview is on Monday", "no wait, Tuesday", "The user's interview is on 13 May 2025."),
    ("my exam is on 3 June", "it got moved to 10 June", "The user's exam is on 10 June 2025."),
    ("my party is on 3 June", "pushed back to 5 June", "The user's party is on 5 June 2025."),
    ("I need a filling", "it's a crown, not a filling", "The user needs a crown."),
    ("my budget is 300 euros", "I meant 400 euros", "The user's budget is 400 euros."),
    ("my sister lives in Hull", "I meant Halle", "The user's sister lives in Halle."),
    ("my standup is at 9:15", "should be 9:30", "The user's standup is at 9:30."),
]


@pytest.mark.parametrize(("first", "then", "meant"), CORRECTIONS, ids=[f"{a} / {b}" for a, b, _ in CORRECTIONS])
def test_a_fragment_corrects_the_statement_that_it_is_about(first, then, meant):
    wrong, right = read(first, then)
    assert right.text == meant
    assert right.correction
    assert right.corrects == wrong.event_ids
    assert (right.subject, right.attribute) == (wrong.subject, wrong.attribute)


ENDINGS = [
    ("I sold the car", "user", "has", "car"),
    ("I quit my job at Globex", "user", "employer", "globex"),
    ("I left Globex", "user", "employer", "globex"),
    ("I no longer eat meat", "user", "likes", "meat"),
    ("I broke up with Sam", "user", "relationship", None),
    ("I don't live in Leeds anymore", "user", "home", "leeds"),
    ("I stopped playing chess", "user", "plays", "chess"),
    ("I gave up drinking coffee", "user", "likes", "coffee"),
    ("my sister broke up with Dan", "user sister", "relationship", None),
    ("I got rid of the piano", "user", "has", "piano"),
    ("I no longer work at Globex", "user", "employer", "globex"),
    ("I was laid off", "user", "employer", None),
    ("I lost my job", "user", "employer", None),
    ("I don't speak Dutch anymore", "user", "language", "dutch"),
]


@pytest.mark.parametrize(("said", "subject", "attribute", "value"), ENDINGS, ids=[case[0] for case in ENDINGS])
def test_a_state_that_is_over_names_what_is_over(said, subject, attribute, value):
    [made] = read(said)
    assert made.ends
    assert (made.subject, made.attribute, made.value) == (subject, attribute, value)
    assert not made.single_valued


@pytest.mark.parametrize(
    ("said", "attribute"),
    [("we cancelled the trip to Rome", "plan:trip rome"), ("the wedding is cancelled", "plan:wedding")],
)
def test_a_plan_that_is_called_off_corrects_the_plan(said, attribute):
    [made] = read(said)
    assert (made.subject, made.attribute, made.value, made.correction) == ("user", attribute, None, True)


TAKEN_BACK = ["scratch that", "scrap that", "ignore that", "forget that", "never mind", "just kidding"]


@pytest.mark.parametrize("word", TAKEN_BACK)
def test_what_is_taken_back_names_the_turn_before_and_adds_nothing(word):
    first, back = read("my sister is called Joan", word)
    assert back.retracts == first.event_ids
    assert back.event_ids != first.event_ids


def test_taking_back_reaches_no_further_than_the_turn_before():
    made = read("my sister is called Joan", "what's the time in Lima?", "thanks!", "scratch that")
    assert [m.text for m in made if not m.retracts] == ["The user's sister is called Joan."]


PLANS = [
    ("I have a dentist appointment on 3 June", "plan:dentist", "2025-06-03"),
    ("I have an interview on Monday", "plan:interview", "2025-05-12"),
    ("my exam is going to be on 10 June", "plan:exam", "2025-06-10"),
    ("I'm going to a concert on 9 June", "plan:concert", "2025-06-09"),
    ("we have a meeting with Tom on 12 May", "plan:meeting tom", "2025-05-12"),
    ("my flight to Rome will be on 1 June", "plan:flight rome", "2025-06-01"),
]


@pytest.mark.parametrize(("said", "attribute", "value"), PLANS, ids=[case[0] for case in PLANS])
def test_a_dated_plan_is_keyed_by_its_matter(said, attribute, value):
    [made] = read(said)
    assert (made.subject, made.attribute, made.value, made.single_valued) == ("user", attribute, value, True)
    assert made.type is MemoryType.FORESIGHT


def test_what_an_assistant_did_or_undertook_is_its_own():
    policy = DEFAULT.model_copy(update={"extract": DEFAULT.extract.model_copy(update={"assistant_statements": True})})
    said = "I've booked a table for 12 May. You live in Oslo! I'll remind you on Friday. I love helping people."
    event = Event(uuid4(), "1", "u", "s", None, Role.ASSISTANT, None, said, SAID, {}, 0, SAID)
    assert [made.text for made in extract([event], [], policy)[0]] == [
        "The assistant has booked a table for 12 May 2025.",
        "The assistant will remind the user on 9 May 2025.",
    ]


@pytest.mark.parametrize("said", ["the spare key is under the mat", "my alarm code is 4821", "our door code is 77A1"])
def test_what_opens_a_house_is_never_kept(said):
    assert read(said) == []
