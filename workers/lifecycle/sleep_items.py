"""What sleep did or would do, as the items of its job: ids, numbers and reasons, never text. Pure."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from app.domain.job import JobItem
from app.domain.policy import ScenePolicy
from app.domain.scenes import Scene, hot
from app.domain.scope import UserScope
from app.domain.sleep import Action, AddLink, Merge, Reflect
from app.domain.sleep_plan import named


def items_of(user: UserScope, action: Action) -> list[JobItem]:
    """One item for each memory that goes, for each link and for each reflection."""
    name, whose = named(action), user.user_id
    if isinstance(action, Merge):
        return [
            JobItem(whose, "memory", str(gone.id), name, gone.reason, {"into": str(action.kept), "cosine": gone.cosine})
            for gone in action.gone
        ]
    if isinstance(action, Reflect):
        reason = "more_recurs" if action.version else "recurs"
        detail = {"sessions": action.sessions, "members": [str(member) for member, _ in action.members]}
        return [JobItem(whose, "memory", str(action.id), name, reason, detail)]
    detail = {"to": str(action.to_id), "type": action.type}
    if isinstance(action, AddLink):
        detail |= {"weight": action.weight}
    return [JobItem(whose, "memory", str(action.from_id), name, action.reason, detail)]


def scene_items(
    user: UserScope, before: Mapping[UUID, frozenset[UUID]], after: Sequence[Scene], policy: ScenePolicy
) -> list[JobItem]:
    """Scenes that are new, gone or of other members, and those of them whose heat asks for the profile."""
    now = {scene.id: frozenset(scene.memories) for scene in after}
    changed = {id_: "new" if id_ not in before else "other_members" for id_ in now if before.get(id_) != now[id_]}
    found = [
        JobItem(user.user_id, "scene", str(id_), "scene", reason, {"members": len(now[id_])})
        for id_, reason in changed.items()
    ]
    found += [JobItem(user.user_id, "scene", str(id_), "scene", "gone") for id_ in before if id_ not in now]
    found += [
        JobItem(user.user_id, "scene", str(scene.id), "profile", "hot", {"members": len(scene.memories)})
        for scene in hot(after, policy)
        if scene.id in changed
    ]
    return sorted(found, key=lambda item: (item.action, item.target_id))
