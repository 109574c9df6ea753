"""Reading what another user shares. Whatever is wrong with a share or its reader is the same "not found"."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.domain.memory import MemoryType
from app.domain.query import Kind, Mode, Narrowing, RecallQuery
from app.domain.scope import ProjectScope, Scope, UserScope
from app.domain.secrets import mask
from app.domain.tokens import counter
from app.errors import NotFoundError
from app.inference.protocol import Encoder
from app.services import recall, recall_search
from app.services.recall import Prepared
from app.services.recall_answer import AnswerItem, compose
from app.services.recall_memo import RecallMemo
from app.services.recall_search import Question
from app.storage import cube_shares
from app.storage.cube_shares import CubeShare
from app.storage.db import Connection

SHARED_TYPES = frozenset(MemoryType) - {MemoryType.SECRET}


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads: a user, an agent, or both."""

    user_id: str | None
    agent_id: str | None


def get(conn: Connection, scope: Scope, share_id: UUID) -> CubeShare:
    """A share as its owner sees it; raises NotFoundError."""
    found = cube_shares.get(conn, scope, share_id)
    if found is None:
        raise NotFoundError("There is no such share.")
    return found


def revoke(conn: Connection, scope: Scope, share_id: UUID, at: datetime) -> UserScope:
    """End a share; returns whose it was. Raises NotFoundError."""
    found = get(conn, scope, share_id)
    owner = UserScope(scope.project_id, found.user_id)
    cube_shares.revoke(conn, owner, share_id, at)
    return owner


def opened(conn: Connection, project: ProjectScope, share_id: UUID, reader: Reader, now: datetime) -> CubeShare:
    """The share that this reader may read now; raises NotFoundError for an unknown, ended, expired or other one's."""
    found = cube_shares.readable(conn, project, share_id, user_id=reader.user_id, agent_id=reader.agent_id, now=now)
    if found is None:
        raise NotFoundError("There is no such share.")
    return found


def query_of(project: ProjectScope, share: CubeShare, text: str, limit: int, now: datetime) -> RecallQuery:
    """A recall in the owner's memories with the share's filter: memories only, never secrets."""
    filters = share.filters
    narrowing = Narrowing(
        session_id=filters.get("session_id"),
        agent_id=filters.get("agent_id"),
        occurred_from=_moment(filters.get("from")),
        occurred_to=_moment(filters.get("to")),
        kinds=frozenset({Kind.MEMORY}),
        types=frozenset(MemoryType(name) for name in filters.get("types") or SHARED_TYPES) & SHARED_TYPES,
        entities=frozenset(filters.get("entities") or ()),
        scene_id=UUID(filters["scene_id"]) if filters.get("scene_id") else None,
    )
    owner = UserScope(project.project_id, share.user_id)
    return RecallQuery(owner, text, now, limit=limit, mode=Mode.FAST, narrowing=narrowing)


def prepare(conn: Connection, query: RecallQuery, *, model: str) -> Prepared:
    """What is known before the question is encoded; nothing of it is kept for other recalls."""
    return recall.prepare(conn, query, RecallMemo(), model=model)


@dataclass(frozen=True, slots=True)
class Recalled:
    """The items, best first, and what they say as dated lines of `tokens`."""

    items: list[AnswerItem]
    text: str
    tokens: int
    sufficient: bool


def ask(encoder: Encoder, prepared: Prepared) -> Question:
    """The question for the search; no transaction is open."""
    return recall_search.ask(encoder, prepared.plan)


def answer(  # noqa: PLR0913 - the outcome of each step
    conn: Connection, share: CubeShare, query: RecallQuery, prepared: Prepared, question: Question, *, model: str,
    max_tokens: int,
) -> Recalled:  # fmt: skip
    """Search and rank in the owner's rows, narrowed in SQL; then once more only what the share shows passes.

    The context of a recall is not taken: it may hold turns, summaries and the profile. It is made of the items alone.
    """
    hits = recall_search.fall_back(conn, query, question, prepared.policy.recall, model)
    gathered = recall.gather(lambda: conn, query, prepared, question, hits, model=model)
    result = compose(query, gathered, degraded=False, seconds={})
    found = [item for item in result.items if item.kind is Kind.MEMORY]
    allowed = cube_shares.among(conn, query.scope, share, query.now, [item.id for item in found])
    items = [item for item in found if item.id in allowed]
    for item in items:
        item.text = mask(item.text)  # also where the owner's policy opens a vault
    text, tokens = _context(items, max_tokens)
    return Recalled(items, text, tokens, result.sufficient and bool(items))


def _context(items: list[AnswerItem], max_tokens: int) -> tuple[str, int]:
    """The best items that fit, in the order of their times."""
    count = counter("o200k")
    kept: list[AnswerItem] = []
    text, tokens = "", 0
    for item in items:
        tried = "\n".join(
            f"- [{one.occurred_at:%Y-%m-%d}] {one.text}"
            for one in sorted([*kept, item], key=lambda one: (one.occurred_at, str(one.id)))
        )
        size = count(tried)
        if size <= max_tokens:
            kept, text, tokens = [*kept, item], tried, size
    return text, tokens


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
