"""`/v1/policy`: the settings of a project's pipeline, whole or as a preset. Admin only."""

from starlette.responses import Response

from app.domain.access import KeyScope
from app.domain.policy import Policy, Preset, load_policy
from app.errors import FieldError, InvalidInputError
from app.http.deps import ReadEdge, WriteEdge, answer, operation, router
from app.http.idempotency import Reply
from app.http.schemas.policy import PolicyAnswer, PolicyPut
from app.services import policy
from app.storage.db import Connection
from app.storage.policies import PolicyRow

api = router("policy")


@api.api_route("/v1/policy", response_model=PolicyAnswer, **operation("policy_get", KeyScope.ADMIN, "GET"))
def get(edge: ReadEdge) -> Response:
    """The policy that holds."""
    edge.caller.whole_project()
    with edge.read(edge.caller.project) as conn:
        row, held = policy.stored(conn, edge.caller.project)
    return answer(policy_answer(row, held))


@api.api_route("/v1/policy", response_model=PolicyAnswer, **operation("policy_put", KeyScope.ADMIN, "PUT", body=True))
def put(edge: WriteEdge, body: PolicyPut) -> Response:
    """Write a preset, or a whole policy."""
    edge.caller.whole_project()
    if (body.preset is None) == (body.policy is None):
        field = FieldError("/preset", "is needed, or policy, but not both", "one_of")
        raise InvalidInputError("Send either a preset or a whole policy.", errors=(field,))
    scope = edge.caller.project
    whole = body.policy.model_dump(mode="json") if body.policy else None

    def store(conn: Connection) -> Reply:
        row = policy.put(conn, scope, body.preset.value if body.preset else None, whole)
        edge.audit(conn, scope, "policy.put", ("policy", row.preset), version=row.version)
        return Reply(policy_answer(row, load_policy(row.body)))

    return edge.write(scope, store)


def policy_answer(row: PolicyRow | None, held: Policy) -> PolicyAnswer:
    """A policy as it is shown."""
    return PolicyAnswer(
        preset=Preset(row.preset) if row else Preset.DEFAULT,
        version=row.version if row else 0,
        updated_at=row.updated_at if row else None,
        policy=held,
    )
