"""Whom and what a statement names, and which names mean the same. Pure; used when memories are written.

Names join only by rules that are safe: the same normalised name, a title more or less, a first name and the full name
of a person when nobody else has that first name, and another spelling that is spoken of alike. "My sister Anna" and "my
colleague Anna" stay two people, and a bare "Anna" beside both is neither.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from uuid import UUID

from app.domain.normalise import normalise
from app.domain.spelling import same_spelling

THING = "thing"  # nothing is known of what it is
PERSON = "person"  # a title says so
_TITLES = frozenset({"dr", "doctor", "prof", "professor", "mr", "mrs", "ms", "miss", "sir", "madam"})
_RELATION_WORDS = """
    sister brother mother mum mom father dad parent son daughter child baby wife husband partner girlfriend boyfriend
    fiance fiancee aunt uncle cousin niece nephew grandmother grandma grandfather grandpa granddaughter grandson
    stepmother stepfather stepbrother stepsister stepson stepdaughter twin friend colleague coworker boss manager
    neighbour neighbor flatmate roommate housemate landlord landlady teacher tutor coach therapist doctor dentist
    classmate mentor assistant client ex dog cat puppy kitten horse rabbit hamster parrot"""
RELATIONS = frozenset(_RELATION_WORDS.split())
_RELATION = "|".join(sorted(RELATIONS, key=len, reverse=True))
_OWNER = r"(?:the )?(?P<owner>user|[A-Z][\w-]*)['\u2019]s|\bmy"


@dataclass(frozen=True, slots=True)
class Naming:
    """A name as one statement uses it. `kind` is the relation that it tells ("sister", "noor sister"), or THING."""

    name: str
    words: tuple[str, ...]
    kind: str = THING

    @property
    def normalised(self) -> str:
        return " ".join(self.words)


@dataclass(frozen=True, slots=True)
class Entity:
    """Somebody or something that a user's memories name; aliases are normalised names."""

    id: UUID
    name: str
    normalised: str
    kind: str
    aliases: frozenset[str] = frozenset()

    def is_called(self, normalised: str) -> bool:
        """Whether this is one of its names."""
        return normalised == self.normalised or normalised in self.aliases


@dataclass(frozen=True, slots=True)
class Resolved:
    """The entity of each naming, in order, and the entities that are new or have changed."""

    entity_ids: tuple[UUID, ...]
    changed: tuple[Entity, ...]


def names_in(text: str, names: Sequence[str]) -> list[Naming]:
    """The names of a statement, with the relations that it tells."""
    found = []
    for name in names:
        words = normalise(name.removesuffix("'s")).split()
        titled = bool(words) and words[0] in _TITLES and len(words) > 1
        bare = tuple(words[1:] if titled else words)
        if bare:
            found.append(Naming(name, bare, _relation(text, name) or (PERSON if titled else THING)))
    return found


# (place of the naming, entity, places of the namings that have joined it): whether both are spoken of alike.
Alike = Callable[[int, Entity, Sequence[int]], bool]


def never(_place: int, _entity: Entity, _joined: Sequence[int]) -> bool:
    """No other spelling joins."""
    return False


def resolve(
    namings: Sequence[Naming], known: Sequence[Entity], new_id: Callable[[], UUID], alike: Alike = never
) -> Resolved:
    """Find the entity of each naming among those known and those that the earlier namings made. `alike` says whether
    an entity that is spelt a little differently is spoken of as the naming is; it is asked only about such.
    """
    joined: dict[UUID, list[int]] = {}
    pool = {entity.id: entity for entity in known}
    changed: dict[UUID, None] = {}
    ids = []
    for place, naming in enumerate(namings):
        entity = _find(naming, list(pool.values()))
        if entity is None:
            entity = _by_spelling(naming, pool.values(), partial(_heard_alike, alike, place, joined))
        entity = entity or Entity(new_id(), naming.name, naming.normalised, naming.kind)
        joined.setdefault(entity.id, []).append(place)
        if pool.get(entity.id) != entity:
            pool[entity.id] = entity
            changed[entity.id] = None
        ids.append(entity.id)
    return Resolved(tuple(ids), tuple(pool[entity_id] for entity_id in changed))


def _heard_alike(alike: Alike, place: int, joined: Mapping[UUID, Sequence[int]], entity: Entity) -> bool:
    return alike(place, entity, joined.get(entity.id, ()))


def _relation(text: str, name: str) -> str | None:
    """What the statement says this somebody is to somebody."""
    quoted = re.escape(name)
    for pattern in (
        rf"\b(?:{_OWNER})\s+(?:[\w-]+\s+)?(?P<kind>{_RELATION}),?\s+(?:called\s+|named\s+)?{quoted}\b",
        rf"\b{quoted}(?:,| is| was)\s+(?:{_OWNER})\s+(?:[\w-]+\s+)?(?P<kind>{_RELATION})\b",
    ):
        match = re.search(pattern, text, re.IGNORECASE)
        if match:
            owner = normalise(match["owner"] or "user")
            kind = match["kind"].lower()
            return kind if owner == "user" else f"{owner} {kind}"
    return None


def _find(naming: Naming, pool: Sequence[Entity]) -> Entity | None:
    """The entity that the naming means, changed where it teaches something; None when it must be a new one."""
    called = [entity for entity in pool if entity.is_called(naming.normalised)]
    plain = [entity for entity in called if entity.kind in {THING, PERSON}]
    told = [entity for entity in called if entity not in plain]
    if naming.kind in {THING, PERSON}:
        if plain:
            return _titled(plain[0], naming)
        if told:
            return told[0] if len(told) == 1 else None
        return _by_part(naming, [entity for entity in pool if entity.kind != THING])
    same = [entity for entity in told if entity.kind == naming.kind]
    if same:
        return same[0]
    if len(plain) == 1 and not told:
        return replace(plain[0], kind=naming.kind)
    return _by_part(naming, [entity for entity in pool if entity.kind == naming.kind])


def _by_spelling(naming: Naming, pool: Iterable[Entity], alike: Callable[[Entity], bool]) -> Entity | None:
    """The only entity that is called so but for its spelling, with this one as an alias. What is known to be another
    relation is another, and so is what is not spoken of alike.
    """
    vague = {THING, PERSON}
    near = [
        entity
        for entity in pool
        if (entity.kind == naming.kind or entity.kind in vague or naming.kind in vague)
        and any(same_spelling(naming.normalised, name) for name in (entity.normalised, *entity.aliases))
    ]
    if len(near) != 1 or near[0].is_called(naming.normalised) or not alike(near[0]):
        return None
    kind = naming.kind if near[0].kind in vague and naming.kind not in vague else near[0].kind
    return replace(near[0], kind=kind, aliases=near[0].aliases | {naming.normalised})


def _titled(entity: Entity, naming: Naming) -> Entity:
    return replace(entity, kind=PERSON) if naming.kind == PERSON and entity.kind == THING else entity


def _by_part(naming: Naming, people: Sequence[Entity]) -> Entity | None:
    """A first name for a full one or the reverse, or a titled last name, where only one person can be meant."""
    words = naming.words
    parts = [(entity, tuple(entity.normalised.split())) for entity in people]
    if len(words) == 1:
        place = -1 if naming.kind == PERSON else 0
        fuller = [entity for entity, name in parts if len(name) > 1 and name[place] == words[0]]
        if len(fuller) != 1:
            return None
        return replace(fuller[0], aliases=fuller[0].aliases | {naming.normalised})
    namesakes = [(entity, name) for entity, name in parts if name[0] == words[0]]
    if len(namesakes) != 1 or len(namesakes[0][1]) != 1:
        return None
    entity, _ = namesakes[0]
    return replace(entity, name=naming.name, normalised=naming.normalised, aliases=entity.aliases | {entity.normalised})
