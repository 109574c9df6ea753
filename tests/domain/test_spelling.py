"""Which names are one name in two spellings, and which are two names."""

from itertools import count
from uuid import UUID

import pytest

from app.domain.entities import Entity, names_in, resolve
from app.domain.spelling import same_spelling

SAME = """
    müller=mueller zürich=zurich josé=jose zoë=zoe françois=francois øystein=oystein łukasz=lukasz kathrine=katherine
    phillip=philip marianne=mariane elisabeth=elissabeth sebastian=sebatsian guillermo=guilermo anneliese=anelliese
    frederick=fredrick nicholas=nichoolas strasse=straße groß=gross café=cafe bjork=björk beyonce=beyoncé
    garçon=garcon renée=renee søren=soren jürgen=juergen gabriella=gabriela alexander=alxeander valentina=vallentina
    konstantin=konstnatin hernández=hernandez o'brien=obrien mcdonalds=mcdonald's e-bay=ebay
"""
OTHER = """
    anna=anne anna=hanna maria=mario maria=marta jan=jana jon=jan carl=carla daniel=daniela christian=christina
    karen=karin helen=helena emma=erma julia=julie victor=victoria gabriel=gabriela martin=martina andre=andrea
    paul=paula simon=simone alex=alexa noor=noora ben=bern lina=lena tim=tom kim=kit leo=lea max=max2 rob=bob
    stefan=stefanie michael=michaela robert=roberta patrick=patricia johannes=johanna alexander=alexandra
    bergen=berlin porto=posto oslo=osla lyon=leon warsaw=wroclaw vienna=sienna iphone14=iphone15 room12=room13
    tandem=tander heron=herons louise=louisa francis=frances marilyn=marylin eric=erica dominic=dominica
"""


def pairs(text: str) -> list[tuple[str, str]]:
    return [tuple(pair.split("=")) for pair in text.split()]


@pytest.mark.parametrize(("one", "other"), pairs(SAME))
def test_one_name(one, other):
    assert same_spelling(one, other)
    assert same_spelling(other, one)


@pytest.mark.parametrize(("one", "other"), pairs(OTHER))
def test_two_names(one, other):
    assert not same_spelling(one, other)
    assert not same_spelling(other, one)


def told(*said, alike=True) -> list[Entity]:
    numbers = count(1)
    namings = [naming for text, name in said for naming in names_in(text, (name,))]
    outcome = resolve(namings, [], lambda: UUID(int=next(numbers)), lambda *_: alike)
    by_id = {entity.id: entity for entity in outcome.changed}
    return [by_id[entity_id] for entity_id in outcome.entity_ids]


KATHRINE = ("The user's sister Kathrine moved.", "Kathrine")


def test_another_spelling_joins_and_is_found_again():
    one, two, three = told(KATHRINE, ("Katherine has a flat.", "Katherine"), ("Katherine left.", "Katherine"))
    assert one.id == two.id == three.id
    assert two.is_called("kathrine")
    assert two.is_called("katherine")


def test_what_is_spoken_of_otherwise_stays_apart():
    one, two = told(KATHRINE, ("Katherine has a flat.", "Katherine"), alike=False)
    assert one.id != two.id


def test_another_relation_is_another_person():
    one, two = told(KATHRINE, ("The user's boss Katherine has a flat.", "Katherine"))
    assert one.id != two.id


def test_where_two_may_be_meant_it_is_neither():
    ids = {
        e.id for e in told(KATHRINE, ("The user's boss Kathrine left.", "Kathrine"), ("Katherine came.", "Katherine"))
    }
    assert len(ids) == 3
