"""Which names mean the same: titles, first and full names, relations; and those that must stay apart."""

from itertools import count
from uuid import UUID

import pytest

from app.domain.entities import Entity, names_in, resolve


def told(*statements: tuple[str, str]) -> list[Entity]:
    """The entity that each (text, name) ends up with, told one after the other."""
    numbers = count(1)
    pool: dict[UUID, Entity] = {}
    ids = []
    for text, name in statements:
        outcome = resolve(names_in(text, (name,)), list(pool.values()), lambda: UUID(int=next(numbers)))
        pool |= {entity.id: entity for entity in outcome.changed}
        ids += outcome.entity_ids
    return [pool[entity_id] for entity_id in ids]


SISTER = ("The user's sister Anna lives in Bath.", "Anna")
COLLEAGUE = ("The user's colleague Anna plays chess.", "Anna")
BARE = ("The user met Anna.", "Anna")


def test_the_same_name_is_the_same():
    one, two = told(("The user likes Porto.", "Porto"), ("The user flew to PORTO.", "PORTO"))
    assert one.id == two.id


def test_two_annas_stay_apart():
    sister, colleague = told(SISTER, COLLEAGUE)
    assert (sister.kind, colleague.kind) == ("sister", "colleague")
    assert sister.id != colleague.id


def test_a_bare_anna_is_the_only_one_there_is():
    sister, bare = told(SISTER, BARE)
    assert sister.id == bare.id


def test_a_bare_anna_beside_two_is_neither():
    sister, colleague, bare, again = told(SISTER, COLLEAGUE, BARE, BARE)
    assert bare.id == again.id
    assert len({sister.id, colleague.id, bare.id}) == 3


def test_who_anna_is_may_be_told_later():
    bare, sister, colleague = told(BARE, SISTER, COLLEAGUE)
    assert bare.id == sister.id != colleague.id


def test_somebody_elses_sister_is_another():
    mine, theirs = told(SISTER, ("Noor's sister Anna is a nurse.", "Anna"))
    assert (mine.kind, theirs.kind) == ("sister", "noor sister")


@pytest.mark.parametrize("text", ["Anna is the user's sister.", "Anna, the user's sister, came."])
def test_the_relation_may_follow_the_name(text):
    sister, other = told((text, "Anna"), SISTER)
    assert sister.id == other.id


def test_a_first_name_means_the_only_person_who_has_it():
    full, first = told(("The user's friend Rosa Weber called.", "Rosa Weber"), ("The user called Rosa.", "Rosa"))
    assert full.id == first.id
    assert full.aliases == {"rosa"}


def test_a_first_name_that_two_have_is_neither():
    one, two, first = told(
        ("The user's friend Rosa Weber called.", "Rosa Weber"),
        ("The user's boss Rosa Klein called.", "Rosa Klein"),
        ("The user called Rosa.", "Rosa"),
    )
    assert len({one.id, two.id, first.id}) == 3


def test_a_full_name_may_be_told_later():
    first, full, again = told(
        SISTER, ("The user's sister Anna Weber moved.", "Anna Weber"), ("Anna Weber called.", "Anna Weber")
    )
    assert first.id == full.id == again.id
    assert (full.name, full.aliases) == ("Anna Weber", {"anna"})


def test_places_that_begin_alike_stay_apart():
    one, two = told(("The user lives in Porto.", "Porto"), ("The user visited Porto Alegre.", "Porto Alegre"))
    assert one.id != two.id


def test_a_title_more_or_less_is_the_same():
    full, title, bare = told(
        ("The user's doctor Maya Patel called.", "Maya Patel"), ("Dr Patel is away.", "Dr Patel"), ("x", "Maya Patel")
    )
    assert full.id == title.id == bare.id
