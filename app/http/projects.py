"""`/v1/projects`: the caller's own and those that it has made. Admin only."""

from datetime import datetime
from uuid import UUID

from starlette.responses import Response

from app.domain.access import KeyScope
from app.http.deps import ReadEdge, WriteEdge, answer, operation, router
from app.http.idempotency import Reply
from app.http.paging import Cursor, Limit, Page
from app.http.schemas.access import ProjectAnswer, ProjectCreate, ProjectPage
from app.services import projects
from app.storage.db import Connection
from app.storage.projects import Project

api = router("projects")


@api.api_route(
    "/v1/projects",
    response_model=ProjectAnswer,
    status_code=201,
    **operation("projects_create", KeyScope.ADMIN, "POST", body=True),
)
def create(edge: WriteEdge, body: ProjectCreate) -> Response:
    """Make a project. Make its first key with `POST /v1/keys` and `project_id`."""
    edge.caller.whole_project()

    def store(conn: Connection) -> Reply:
        scope = edge.caller.project
        project = projects.create(conn, scope, edge.context.new_id(), body.name, edge.context.clock())
        edge.audit(conn, scope, "project.create", ("project", str(project.id)))
        return Reply(project_answer(project), 201)

    return edge.write(edge.caller.project, store)


@api.api_route("/v1/projects", response_model=ProjectPage, **operation("projects_list", KeyScope.ADMIN, "GET"))
def list_page(edge: ReadEdge, limit: Limit = None, cursor: Cursor = None) -> Response:
    """The caller's project and those that it owns, the oldest first."""
    edge.caller.whole_project()
    page = Page(edge.caller, "projects", {}, limit, cursor)
    after = page.after(datetime, UUID)
    with edge.read(edge.caller.project) as conn:
        found = projects.page(
            conn, edge.caller.project, after=(after[0], after[1]) if after else None, limit=page.limit + 1
        )
    kept, next_cursor = page.cut(found, lambda project: (project.created_at, project.id))
    return answer(ProjectPage(items=[project_answer(project) for project in kept], next_cursor=next_cursor))


@api.api_route(
    "/v1/projects/{project_id}",
    response_model=ProjectAnswer,
    **operation("projects_get", KeyScope.ADMIN, "GET", 404),
)
def get(edge: ReadEdge, project_id: UUID) -> Response:
    """One project."""
    edge.caller.whole_project()
    with edge.read(edge.caller.project) as conn:
        return answer(project_answer(projects.get(conn, edge.caller.project, project_id)))


def project_answer(project: Project) -> ProjectAnswer:
    """A project as it is shown."""
    return ProjectAnswer(
        id=project.id, owner_project_id=project.owner_project_id, name=project.name, created_at=project.created_at
    )
