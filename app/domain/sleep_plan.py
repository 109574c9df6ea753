"""The plan of a user's sleep: everything that would change, in order, made of what is known now. Pure.

A run does the plan and makes it anew; a dry run only shows it. Each part is planned on what the parts before it leave,
so that what is shown is what is done, and nothing is left to plan afterwards.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from app.domain.policy import Policy
from app.domain.scenes import Scene, scenes_of
from app.domain.sleep import Action, AddLink, DropLink, Known, Merge, SleepLink, SleepMemory
from app.domain.sleep_links import HISTORY, contradictions, missing_links, wrong_links
from app.domain.sleep_merge import merges
from app.domain.sleep_reflect import reflections
from app.domain.tidying import KeptMemory

MOST_ROUNDS = 5  # a merge can bring a fragment beside its fuller statement; more rounds than this were never needed


@dataclass(frozen=True, slots=True)
class Plan:
    """The actions in their order, and the scenes that the memories then make."""

    actions: tuple[Action, ...]
    scenes: tuple[Scene, ...]


def plan_of(whose: str, known: Known, kept: Sequence[KeptMemory], policy: Policy) -> Plan:
    """What to do. `kept` are the same memories as tidying sees them; `whose` names the user in ids of reflections."""
    rules = policy.sleep
    actions: list[Action] = []
    for _ in range(MOST_ROUNDS):
        found = merges(known.memories, rules.same_cosine, fragments=rules.join_fragments)
        if not found:
            break
        actions += found
        known = merged(known, found)
    if rules.links:
        wrong = wrong_links(known.memories, known.links, policy.decide.link_cosine)
        known = without(known, wrong)
        missing = missing_links(known.memories, known.links, policy.decide.link_cosine)
        actions += [*wrong, *missing]
    actions += contradictions(known.memories, known.links)
    left = {memory.id: memory for memory in known.memories}
    scenes = scenes_of([tidied(memory, left[memory.id]) for memory in kept if memory.id in left], policy.scenes)
    actions += reflections(whose, known, scenes, rules)
    return Plan(tuple(actions), tuple(scenes))


def merged(known: Known, done: Sequence[Merge]) -> Known:
    """What is known once these are done, as `storage/sleep_writes` does them."""
    by_id = {memory.id: memory for memory in known.memories}
    links = list(known.links)
    for merge in done:
        kept = by_id[merge.kept]
        for gone in merge.gone:
            kept = _united(kept, by_id.pop(gone.id))
            links = _moved(links, gone.id, kept.id)
        by_id[kept.id] = replace(kept, version=kept.version + 1)
    return replace(known, memories=tuple(m for m in map(by_id.get, _ids(known)) if m is not None), links=tuple(links))


def without(known: Known, dropped: Sequence[DropLink]) -> Known:
    """What is known once these links are gone."""
    gone = {drop.link_id for drop in dropped}
    return replace(known, links=tuple(link for link in known.links if link.id not in gone))


def tidied(memory: KeptMemory, left: SleepMemory) -> KeptMemory:
    """A memory as tidying will see it, with what it took over."""
    return replace(memory, sessions=left.sessions, entities=left.entities, use_count=left.use_count)


def counts_of(actions: Sequence[Action]) -> Mapping[str, int]:
    """How many memories go, and how many links and reflections are written, by the names that a job shows."""
    found: dict[str, int] = {}
    for action in actions:
        name, number = named(action), len(action.gone) if isinstance(action, Merge) else 1
        found[name] = found.get(name, 0) + number
    return found


def named(action: Action) -> str:
    """The name of what an action does."""
    if isinstance(action, Merge):
        return "merge"
    if isinstance(action, DropLink):
        return "unlink"
    if isinstance(action, AddLink):
        return "contradiction" if action.type == "contradicts" else "link"
    return "reflect"


def _ids(known: Known) -> list[UUID]:
    return [memory.id for memory in known.memories]


def _united(kept: SleepMemory, gone: SleepMemory) -> SleepMemory:
    return replace(
        kept,
        event_ids=kept.event_ids | gone.event_ids,
        segment_ids=kept.segment_ids | gone.segment_ids,
        sessions=tuple(sorted({*kept.sessions, *gone.sessions})),
        entities=tuple(sorted({*kept.entities, *gone.entities})),
        use_count=kept.use_count + gone.use_count,
    )


def _moved(links: Sequence[SleepLink], gone: UUID, kept: UUID) -> list[SleepLink]:
    """The links with those of what is gone at what stays: moved, or copied where they tell what became of it."""
    taken = {(link.from_id, link.to_id, link.type) for link in links}
    found = []
    for link in links:
        if gone not in {link.from_id, link.to_id}:
            found.append(link)
            continue
        there = replace(
            link,
            from_id=kept if link.from_id == gone else link.from_id,
            to_id=kept if link.to_id == gone else link.to_id,
        )
        place = (there.from_id, there.to_id, there.type)
        history = link.type in HISTORY
        if history:
            found.append(replace(link, lasting=False))
        if there.from_id != there.to_id and place not in taken:
            taken.add(place)
            found.append(there)
    return found
