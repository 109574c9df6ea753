"""Reflections across sessions: what somebody has spoken of again and again, as a statement of its own that rests on all
that was said of it. Pure; part of `sleep_plan`. Without a model the words are those of a template.

The id is made of whose it is and what recurs, so that a second run finds the first one's, and a deleted one stays away.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from uuid import UUID, uuid5

from app.domain.memory import MemoryType
from app.domain.normalise import normalise
from app.domain.policy_sleep import SleepPolicy
from app.domain.scenes import Scene, words_of
from app.domain.secrets import mask
from app.domain.sleep import Known, OldReflection, Reflect, SleepMemory

CONFIDENCE = 0.3  # an inference, never a statement: below every extractor's (choice)
IMPORTANCE = 0.2
LINES = 20  # that a model is shown: the latest of each session first would favour long ones, so the first of each
# Words that statements are made of: who says them again and again has spoken of nothing in particular.
_PLAIN_WORDS = """
    love loves loved like likes liked enjoy enjoys enjoyed hate hates prefer prefers want wants wanted need needs feel
    feels felt feeling think thinks thought know knows knew say says said tell tells told ask asks asked talk talks see
    sees saw look looks looking make makes made making get gets getting give gives giving take takes taking keep keeps
    keeping try tries tried trying start starts started come comes came find finds found help helps helped use uses used
    work works working play plays played going gone went want has had having been being does doing done
    good great best better nice amazing awesome super fun happy glad excited proud special big small new old first last
    next time times day days week weeks month months year years today lately always never often way ways thing things
    something anything everything lot lots bit kind sort part people everyone someone friend friends life world stuff
    really very much many more most too also still just even ever well sure right own other another
    favourite favorite standing request notes one ones"""
_PLAIN = frozenset(_PLAIN_WORDS.split())
_NAMESPACE = UUID("6d6e656d-6500-5000-8000-7265666c6563")
_APART = frozenset({MemoryType.SECRET, MemoryType.RESOURCE, MemoryType.REFLECTION})


def reflections(whose: str, known: Known, scenes: Sequence[Scene], rules: SleepPolicy) -> list[Reflect]:
    """The reflections that are missing or rest on less than they could. `whose` names the user. No more are kept up
    than the policy says: those that there are before new ones, then what recurs in most sessions.
    """
    old, most = known.reflections, rules.reflections
    if not most:
        return []
    found = []
    for (subject, theme), members in _recurring(known.memories, scenes, rules.reflection_sessions).items():
        id_ = uuid5(_NAMESPACE, f"{whose} {subject} {theme}")
        there = old.get(id_)
        if there is None or there.withdrawn or (there.active and not there.frozen):
            found.append(_reflection((id_, there), subject, theme, members))
    upheld = [reflection for reflection in found if reflection.version and old[reflection.id].active]
    others = sum(1 for id_, there in old.items() if there.active and id_ not in {r.id for r in upheld})
    new = sorted(
        (r for r in found if r not in upheld), key=lambda r: (-r.sessions, -len(r.members), r.subject, r.theme)
    )[: max(0, most - len(upheld) - others)]
    changed = [r for r in upheld if not {id_ for id_, _ in r.members} <= old[r.id].members]
    return sorted([*changed, *new], key=lambda r: (r.first_at, str(r.id)))


def told(subject: str, theme: str, sessions: int, first: datetime, last: datetime) -> str:
    """The template: "Anna has spoken of climbing in 4 conversations between March and June 2026."."""
    return f"{subject} has spoken of {theme} in {sessions} conversations {_span(first, last)}."


def _recurring(
    memories: Sequence[SleepMemory], scenes: Sequence[Scene], sessions: int
) -> dict[tuple[str, str], list[SleepMemory]]:
    """For each subject and word that recurs what was said of it, in the order of time."""
    by_id = {m.id: m for m in memories if m.subject and m.type not in _APART}
    found: dict[tuple[str, str], dict[UUID, SleepMemory]] = defaultdict(dict)
    for top, ids in _groups(scenes):
        own: dict[str, list[SleepMemory]] = defaultdict(list)
        for memory in (by_id[id_] for id_ in ids if id_ in by_id):
            own[memory.subject or ""].append(memory)
        for subject, members in own.items():
            names = set(normalise(subject).split())
            said = {m.id: words_of(m.text) for m in members}
            spread = {
                word: {s for m in members if word in said[m.id] for s in m.sessions}
                for word in top.keywords
                if word not in names and word not in _PLAIN
            }
            best = max(spread, key=lambda word: (len(spread[word]), -top.keywords.index(word)), default=None)
            if best is not None and len(spread[best]) >= sessions:
                found[subject, best] |= {m.id: m for m in members if best in said[m.id]}
    return {key: sorted(own.values(), key=lambda m: (m.occurred_at, str(m.id))) for key, own in sorted(found.items())}


def _groups(scenes: Sequence[Scene]) -> Iterator[tuple[Scene, list[UUID]]]:
    """Each scene that lies in no wider one, with all its memories."""
    below: dict[UUID | None, list[Scene]] = defaultdict(list)
    for scene in scenes:
        below[scene.parent_id].append(scene)
    for top in below[None]:
        yield top, [*top.memories, *(id_ for child in below[top.id] for id_ in child.memories)]


def _reflection(
    known: tuple[UUID, OldReflection | None], subject: str, theme: str, members: Sequence[SleepMemory]
) -> Reflect:
    id_, there = known
    first, last = members[0].occurred_at, max(m.occurred_at for m in members)
    count = len({session for m in members for session in m.sessions})
    return Reflect(
        id=id_,
        version=there.version if there else 0,
        text=told(_shown(subject, members), _named(theme, members), count, first, last),
        subject=subject,
        theme=theme,
        members=tuple((m.id, m.version) for m in members),
        lines=tuple(mask(m.text) for m in _spread(members)),
        sessions=count,
        first_at=first,
        last_at=last,
    )


def _spread(members: Sequence[SleepMemory]) -> list[SleepMemory]:
    """Members for a model to read: one of each session, then the others, in the order of time."""
    first = {session: m for m in reversed(members) for session in m.sessions}
    chosen = list({m.id: m for m in (*sorted(first.values(), key=lambda m: str(m.id)), *members)}.values())[:LINES]
    return sorted(chosen, key=lambda m: (m.occurred_at, str(m.id)))


def _shown(subject: str, members: Iterable[SleepMemory]) -> str:
    if subject == "user":
        return "The user"
    return _entity(subject, members) or subject.title()


def _named(theme: str, members: Iterable[SleepMemory]) -> str:
    return _entity(theme, members) or theme


def _entity(name: str, members: Iterable[SleepMemory]) -> str | None:
    """The spelling of a name that most of the members have."""
    spelt = Counter(e for m in members for e in m.entities if normalise(e) == normalise(name))
    return min(spelt, key=lambda e: (-spelt[e], e), default=None)


def _span(first: datetime, last: datetime) -> str:
    months = [f"{at:%B %Y}" for at in (first, last)]
    if months[0] == months[1]:
        return f"in {months[0]}"
    begin = f"{first:%B}" if first.year == last.year else months[0]
    return f"between {begin} and {months[1]}"
