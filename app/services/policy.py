"""The policy of a project: read by recall and the pipeline, written whole or from a preset."""

from collections.abc import Mapping
from typing import Any

from app.domain.policy import DEFAULT, Policy, Preset, load_policy, parse_policy, preset_policy
from app.domain.scope import ProjectScope, Scope
from app.storage import policies
from app.storage.db import Connection
from app.storage.policies import PolicyRow


def effective(conn: Connection, scope: Scope) -> Policy:
    """The policy that holds for the project."""
    row = policies.get(conn, scope)
    return load_policy(row.body) if row else DEFAULT


def stored(conn: Connection, scope: Scope) -> tuple[PolicyRow | None, Policy]:
    """The row, if the project has its own, and the policy that holds."""
    row = policies.get(conn, scope)
    return row, load_policy(row.body) if row else DEFAULT


def put(conn: Connection, scope: ProjectScope, preset: str | None, body: dict[str, Any] | None) -> PolicyRow:
    """Write a preset, or a whole policy. Raises InvalidInputError with pointers."""
    if body is not None:
        policy, name = parse_policy(body, pointer="/policy"), Preset.CUSTOM.value
    else:
        name = preset or Preset.DEFAULT.value
        policy = preset_policy(name)
    return policies.put(conn, scope, name, policy.model_dump(mode="json"))


def put_foreign(conn: Connection, scope: ProjectScope, preset: str, body: Mapping[str, Any]) -> PolicyRow:
    """Write a policy of another project, maybe of an older service. Raises InvalidInputError with pointers."""
    name = preset if preset in set(Preset) else Preset.CUSTOM.value
    return policies.put(conn, scope, name, load_policy(body).model_dump(mode="json"))
