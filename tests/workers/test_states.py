"""What is finished with or replaced, read from third-person statements."""

import pytest

from workers.extract.attributes import key_of
from workers.extract.states import ended_state, replaced_state


@pytest.mark.parametrize(
    ("text", "subject", "thing"),
    [
        ("The user's team switched from Jenkins to GitHub Actions", "user team", "jenkins"),
        ("The user swapped the petrol mower for a robot", "user", "petrol mower"),
        ("The user replaced the Pixel 6 with an iPhone", "user", "pixel 6"),
        ("The user finished the antibiotics on 3 May 2025", "user", "antibiotics"),
        ("The user has paid off the loan", "user", "loan"),
    ],
)
def test_what_is_replaced_or_finished_with(text, subject, thing):
    key = replaced_state(text)
    assert key is not None
    assert (key.subject, key.attribute, key.value) == (subject, "does", thing)


@pytest.mark.parametrize(
    "text",
    [
        "The user finished work at six",
        "The user finished dinner",
        "The user dropped it",
        "The user takes the train from Leeds to York",
        "The user finished reading in the garden",
    ],
)
def test_what_is_finished_every_day_ends_nothing(text):
    assert replaced_state(text) is None


def test_what_is_no_longer_done():
    key = ended_state("The user stopped taking iron tablets")
    assert key is not None
    assert (key.attribute, key.value) == ("does", "iron tablets")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("The user is painting the new flat in Ghent", "ghent"),
        ("The user got the keys to the new house in Cork", "cork"),
        ("The user is looking for a new flat in Ghent", None),
        ("The user would love a new house in Cork", None),
    ],
)
def test_a_new_home_is_where_the_user_lives(text, place):
    key = key_of(text)
    assert (key.value if key and key.attribute == "home" else None) == place
