"""What a later statement makes untrue without naming its key, and what it leaves alone."""

import pytest

from app.domain.memory import MemoryType
from app.domain.outdating import Side, outdates, person_of

FACT, EPISODE, FORESIGHT, PREFERENCE = (
    MemoryType.FACT,
    MemoryType.EPISODE,
    MemoryType.FORESIGHT,
    MemoryType.PREFERENCE,
)


def side(text: str, kind: MemoryType = FACT) -> Side:
    return Side(text, kind)


@pytest.mark.parametrize(
    ("old", "kind", "new", "why"),
    [
        (
            "The user's shop uses Shopify for orders.",
            FACT,
            "The user moved to a till app, Shopify is switched off.",
            "over",
        ),
        ("The user does pilates on Mondays.", FACT, "The user stopped pilates in May 2025.", "over"),
        ("The user uses Shopify for orders.", FACT, "The user's shopify is switched off now.", "over"),
        ("The user lives with Ravi in a loft.", FACT, "Ravi moved out on 3 May 2025.", "over"),
        ("The user owes Selma 300 for the oven.", FACT, "Selma is all paid up.", "done"),
        ("The user needs to hand in the tax return by 31 July 2025.", FORESIGHT, "The tax return is done.", "done"),
        ("The user is taking antibiotics until 4 May 2025.", FORESIGHT, "The user finished the antibiotics.", "done"),
        (
            "The user has a kayak course on 3 May 2025.",
            FORESIGHT,
            "The kayak course is postponed to 10 May 2025.",
            "moved",
        ),
        ("The user pays 39 cents for electricity.", FACT, "The user's electricity is 28 ct now.", "moved"),
    ],
)
def test_a_word_of_change_beside_the_thing_ends_what_was_said_of_it(old, kind, new, why):
    assert outdates(side(new), side(old, kind)) == why


@pytest.mark.parametrize(
    ("old", "kind", "new"),
    [
        ("The user does pilates on Mondays.", FACT, "The user also started yoga in May 2025."),  # added
        ("The user does pilates on Mondays.", FACT, "The user's sister Ida stopped pilates."),  # somebody else
        ("The user's sister Ida rents a flat in Ulm.", FACT, "The user gave up the flat in Ulm."),
        ("The user ran the marathon in Oslo.", EPISODE, "The user cancelled the marathon in Bergen."),  # stays true
        ("The user plays the cello.", FACT, "The user has finished a cup of tea."),  # nothing in common
        ("The user has a red kayak.", FACT, "The user might have sold the kayak."),  # not sure
        ("The user does not eat meat.", PREFERENCE, "The user had meat for once at the wedding."),  # an exception
        ("The user weighs 82 kg.", FACT, "The dog weighs 12 kg now."),
        ("The user loves the garden.", PREFERENCE, "The user loves the garden more than ever."),
        ("The user will not quit the choir.", FACT, "The user will not quit the choir, no matter what."),
    ],
)
def test_what_is_added_doubted_or_about_somebody_else_ends_nothing(old, kind, new):
    assert outdates(side(new), side(old, kind)) is None


@pytest.mark.parametrize(
    ("text", "person"),
    [
        ("The user has a dog.", "user"),
        ("The user's sister Ida has a dog.", "ida"),
        ("The user's flatmate has a dog.", "flatmate"),
        ("Ravi moved out.", "ravi"),
        ("The kayak is sold.", "user"),
    ],
)
def test_whom_a_statement_is_about(text, person):
    assert person_of(text) == person
