"""What a person says and asks in a year, for the lifecycle run: the same for the same number. Every turn is one fact
that is known to be important or to pass, and to be asked about or not.
"""

import random
from dataclasses import dataclass
from datetime import timedelta
from itertools import product

WEEKS = 52
SETTLED = 26  # weeks, in which the important things are said; after that only days pass
NAMES = (
    "Anna",
    "Boris",
    "Clara",
    "Dmitri",
    "Elena",
    "Farid",
    "Greta",
    "Hugo",
    "Ines",
    "Jonas",
    "Keiko",
    "Liam",
    "Mira",
)
CITIES = ("Lisbon", "Ghent", "Porto", "Leeds", "Turin", "Malmo", "Cork", "Basel", "Riga", "Graz", "Nantes", "Bergen")
FIRMS = ("Novatek", "Helix Labs", "Brightwater", "Ordna", "Quantis", "Fernwood", "Altamar", "Kestrel", "Umbra Studio")
FOODS = ("peanuts", "shellfish", "strawberries", "gluten", "eggs", "soy", "sesame", "kiwi", "mustard", "walnuts")
TASTES = ("jazz", "opera", "climbing", "chess", "sailing", "pottery", "birdwatching", "cycling", "baking", "fencing")
PLAYS = ("the cello", "the violin", "the trumpet", "the oboe", "the harp", "the banjo", "the flute", "the piano")
PETS = ("dog", "cat", "parrot", "rabbit", "tortoise", "hamster")
PET_NAMES = ("Biscuit", "Pepper", "Waffle", "Ziggy", "Olive", "Mango", "Nimbus", "Pickle", "Rufus", "Tofu")
LANGUAGES = ("Portuguese", "Welsh", "Finnish", "Korean", "Arabic", "Greek", "Danish", "Tamil", "Catalan", "Swahili")
THINGS = (
    "passport",
    "spare key",
    "toolbox",
    "sewing kit",
    "first aid kit",
    "tax folder",
    "old camera",
    "insurance papers",
)
PLACES = ("blue drawer", "hall cupboard", "garage", "attic trunk", "kitchen shelf", "office safe", "cellar", "car boot")
MEALS = ("noodles", "lentil soup", "a burger", "pancakes", "curry", "a salad", "sushi", "pizza", "dumplings", "toast")
SIGHTS = ("a heron", "a fox", "an old tram", "a street band", "a rainbow", "a balloon", "a parade", "a street market")
SPOTS = ("by the river", "near the station", "behind the library", "at the harbour", "in the park", "on the bridge")
LATE = ("bus", "train", "tram", "ferry", "parcel", "plumber", "lift", "courier")
SPANS = ("ten minutes", "half an hour", "an hour", "two hours", "a quarter of an hour", "forty minutes")
WITH = ("Tom", "Sara", "Nadia", "Piet", "Oskar", "Lena", "Ravi", "Yuki", "Carlos", "Amelie")


@dataclass(frozen=True)
class Fact:
    """One turn, what somebody would ask to hear of it again, and in which weeks they do."""

    text: str
    question: str
    important: bool
    at: timedelta  # from the start of the year
    asked: tuple[int, ...] = ()


def year(person: int, weeks: int = WEEKS, passing: int = 3) -> list[Fact]:
    """What one person says in `weeks` weeks, in order: twelve important things, `passing` others a week."""
    rng = random.Random(f"year of {person}")
    said = [*_important(rng, weeks), *_passing(rng, weeks, passing)]
    return sorted(said, key=lambda fact: fact.at)


def _important(rng: random.Random, weeks: int) -> list[Fact]:
    pet, lost, other = rng.choice(PETS), *rng.sample(THINGS, 2)
    pairs = [
        (f"My name is {rng.choice(NAMES)}.", "What is the user's name?", False),
        (f"I live in {rng.choice(CITIES)}.", "Where does the user live?", False),
        (f"I work at {rng.choice(FIRMS)}.", "Where does the user work?", True),
        (f"I am allergic to {rng.choice(FOODS)}.", "What is the user allergic to?", False),
        (f"I love {rng.choice(TASTES)}.", "What does the user love?", False),
        (f"I play {rng.choice(PLAYS)}.", "Which instrument does the user play?", True),
        (f"My {pet} is called {rng.choice(PET_NAMES)}.", f"What is the user's {pet} called?", True),
        (f"I speak {rng.choice(LANGUAGES)}.", "Which language does the user speak?", False),
        (f"My birthday is on {rng.randint(1, 28)} March.", "When is the user's birthday?", False),
        (f"My sister {rng.choice(WITH)} is a doctor.", "What does the user's sister do?", False),
        # Nothing in the words says that these two matter: only that they are asked for again and again.
        (f"I keep my {lost} in the {rng.choice(PLACES)}.", f"Where does the user keep the {lost}?", True),
        (f"I keep my {other} in the {rng.choice(PLACES)}.", f"Where does the user keep the {other}?", True),
    ]
    half = max(1, min(SETTLED, weeks // 2))
    facts = []
    for text, question, used in pairs:
        week = rng.randrange(half)
        at = timedelta(weeks=week, hours=rng.randrange(24, 144))
        asked = tuple(range(week + 1 + rng.randrange(2), weeks, rng.choice((3, 4)))) if used else ()
        facts.append(Fact(text, question, important=True, at=at, asked=asked))
    return facts


def _passing(rng: random.Random, weeks: int, each: int) -> list[Fact]:
    meals = [
        (f"I had {meal} for lunch with {who} today.", f"What did the user have for lunch with {who}?")
        for meal, who in product(MEALS, WITH)
    ]
    sights = [
        (f"I saw {what} {where} this morning.", f"Where did the user see {what}?")
        for what, where in product(SIGHTS, SPOTS)
    ]
    waits = [(f"The {what} was {span} late today.", f"How late was the {what}?") for what, span in product(LATE, SPANS)]
    pool = [*meals, *sights, *waits]
    rng.shuffle(pool)
    facts = []
    for number, (text, question) in enumerate(pool[: weeks * each]):
        week = number // each
        asked = (week + 1,) if rng.random() < 0.1 else ()  # a few are wanted once more, soon after
        at = timedelta(weeks=week, hours=rng.randrange(8, 160))
        facts.append(Fact(text, question, important=False, at=at, asked=tuple(w for w in asked if w < weeks)))
    return facts
