"""The policy of a project."""

from typing import Annotated

from pydantic import Field

from app.domain.policy import Policy, Preset
from app.http.schemas.fields import AnswerModel, Moment, RequestModel


class PolicyPut(RequestModel):
    """Either a preset by its name, or a whole policy."""

    preset: Preset | None = None
    policy: Policy | None = None


class PolicyAnswer(AnswerModel):
    """The policy that holds. `version` is 0 while the project has none of its own."""

    preset: Preset
    version: int
    updated_at: Annotated[Moment | None, Field(description="null while the project has none of its own")]
    policy: Policy
