"""Liveness and readiness."""

from typing import Annotated, Literal

from pydantic import Field

from app.http.schemas.fields import AnswerModel


class Live(AnswerModel):
    """The process answers."""

    status: Annotated[str, Field(examples=["ok"])]


class ReadyPart(AnswerModel):
    """One thing that the service rests on; without a `needed` one it is not ready."""

    ok: bool
    needed: bool
    detail: str


class Ready(AnswerModel):
    """The state of the service and of its parts."""

    status: Literal["ok", "degraded", "unavailable"]
    parts: dict[str, ReadyPart]
