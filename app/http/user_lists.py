"""`/v1/users/{user_id}/...`: what is derived from a user's memories, as lists."""

from datetime import datetime
from uuid import UUID

from starlette.responses import Response

from app.domain.access import KeyScope
from app.domain.memory import MemoryType
from app.http.deps import ReadEdge, answer, operation, router
from app.http.masking import masker
from app.http.memory_answers import source_answers
from app.http.paging import Cursor, Limit, Page
from app.http.schemas.user_lists import (
    BlockAnswer,
    BlockLineAnswer,
    BlockPage,
    EntityAnswer,
    EntityPage,
    SceneAnswer,
    ScenePage,
    TimelineItem,
    TimelinePage,
)
from app.http.users import AppIdPath
from app.services import blocks, scenes, users

api = router("users")


@api.api_route(
    "/v1/users/{user_id}/blocks",
    response_model=BlockPage,
    **operation("users_blocks", KeyScope.MEMORIES_READ, "GET", 404),
)
def list_blocks(edge: ReadEdge, user_id: AppIdPath, limit: Limit = None, cursor: Cursor = None) -> Response:
    """Profile and summaries as they stand in a context, each line with its memory and sources."""
    edge.caller.whole_user()
    scope = edge.caller.user(user_id)
    page = Page(edge.caller, "blocks", {"user": user_id}, limit, cursor)
    after = page.after(str, str)
    with edge.read(scope) as conn:
        found = blocks.page(conn, scope, after=(after[0], after[1]) if after else None, limit=page.limit + 1)
        hide = masker(conn, scope)
    kept, next_cursor = page.cut(found, lambda block: (block.key.session_id, block.key.name))
    items = [
        BlockAnswer(
            kind=block.key.kind,
            session_id=block.key.session_id or None,
            day=block.key.day or None,
            text=hide(block.text),
            lines=[
                BlockLineAnswer(
                    text=hide(line.text),
                    theme=line.theme or None,
                    date=line.date,
                    memory_id=line.memory_id,
                    sources=source_answers(line.sources),
                )
                for line in block.lines
            ],
            version=block.version,
            updated_at=block.updated_at,
        )
        for block in kept
    ]
    return answer(BlockPage(items=items, next_cursor=next_cursor))


@api.api_route(
    "/v1/users/{user_id}/entities",
    response_model=EntityPage,
    **operation("users_entities", KeyScope.MEMORIES_READ, "GET", 404),
)
def list_entities(edge: ReadEdge, user_id: AppIdPath, limit: Limit = None, cursor: Cursor = None) -> Response:
    """Whom and what the active memories name."""
    edge.caller.whole_user()
    scope = edge.caller.user(user_id)
    page = Page(edge.caller, "entities", {"user": user_id}, limit, cursor)
    after = page.after(str, UUID)
    with edge.read(scope) as conn:
        found = users.entities(conn, scope, after=(after[0], after[1]) if after else None, limit=page.limit + 1)
        hide = masker(conn, scope)
    kept, next_cursor = page.cut(found, lambda entity: (entity.normalised, entity.id))
    items = [
        EntityAnswer(
            id=entity.id,
            name=hide(entity.name),
            kind=entity.kind,
            aliases=[hide(alias) for alias in entity.aliases],
            memories=entity.memories,
        )
        for entity in kept
    ]
    return answer(EntityPage(items=items, next_cursor=next_cursor))


@api.api_route(
    "/v1/users/{user_id}/timeline",
    response_model=TimelinePage,
    **operation("users_timeline", KeyScope.MEMORIES_READ, "GET", 404),
)
def list_timeline(edge: ReadEdge, user_id: AppIdPath, limit: Limit = None, cursor: Cursor = None) -> Response:
    """Active memories in order of the time that they speak of."""
    edge.caller.whole_user()
    scope = edge.caller.user(user_id)
    page = Page(edge.caller, "timeline", {"user": user_id}, limit, cursor)
    after = page.after(str, UUID)
    with edge.read(scope) as conn:
        found = users.timeline(conn, scope, after=(after[0], after[1]) if after else None, limit=page.limit + 1)
        hide = masker(conn, scope)
    kept, next_cursor = page.cut(found, lambda moment: (moment.date, moment.memory_id))
    items = [
        TimelineItem(
            date=moment.date,
            memory_id=moment.memory_id,
            type=MemoryType(moment.type),
            text=hide(moment.text),
            sources=source_answers(moment.sources),
        )
        for moment in kept
    ]
    return answer(TimelinePage(items=items, next_cursor=next_cursor))


@api.api_route(
    "/v1/users/{user_id}/scenes",
    response_model=ScenePage,
    **operation("users_scenes", KeyScope.MEMORIES_READ, "GET", 404),
)
def list_scenes(edge: ReadEdge, user_id: AppIdPath, limit: Limit = None, cursor: Cursor = None) -> Response:
    """Into which scenes the active memories fall, and how hot these are."""
    edge.caller.whole_user()
    scope = edge.caller.user(user_id)
    page = Page(edge.caller, "scenes", {"user": user_id}, limit, cursor)
    after = page.after(datetime, UUID)
    with edge.read(scope) as conn:
        found = scenes.page(conn, scope, after=(after[0], after[1]) if after else None, limit=page.limit + 1)
        hide = masker(conn, scope)
    kept, next_cursor = page.cut(found, lambda warm: (warm.scene.last_at, warm.scene.id))
    items = [
        SceneAnswer(
            id=warm.scene.id,
            parent_id=warm.scene.parent_id,
            label=hide(warm.scene.label),
            keywords=[hide(word) for word in warm.scene.keywords],
            summary=hide(warm.scene.summary),
            heat=warm.heat,
            memory_ids=list(warm.scene.memory_ids),
            first_at=warm.scene.first_at,
            last_at=warm.scene.last_at,
            version=warm.scene.version,
            updated_at=warm.scene.updated_at,
        )
        for warm in kept
    ]
    return answer(ScenePage(items=items, next_cursor=next_cursor))
