"""The one shape of every refusal: RFC 9457 problem details with our code, request id and field errors."""

from typing import Annotated

from pydantic import Field

from app.http.schemas.fields import AnswerModel


class ProblemField(AnswerModel):
    """One refused field. `pointer` is a JSON pointer into the body, or `query:name`, `path:name`, `header:name`."""

    pointer: str
    detail: str
    code: str


class Problem(AnswerModel):
    """`application/problem+json`."""

    type: Annotated[str, Field(description="a URI that names the kind of problem")]
    title: str
    status: int
    detail: str
    instance: Annotated[str, Field(description="the path of the request")]
    code: Annotated[str, Field(description="the kind of problem as a word, stable")]
    request_id: str
    errors: list[ProblemField]
