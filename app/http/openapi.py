"""The OpenAPI document: FastAPI's, with problem+json for every declared error and the key as security scheme.

`python -m app.http.openapi` prints it; `docs/openapi.json` is the committed copy.
"""

import json
import sys
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.http.problems import MEDIA_TYPE
from app.http.schemas.problem import Problem

ERRORS_FIELD = "x-mneme-errors"
PROBLEM = {"$ref": "#/components/schemas/Problem"}
DESCRIPTION = (
    "Memory as a service for chat apps: events in, ranked, dated, sourced context out. Every error is"
    " `application/problem+json`. Every write takes an `Idempotency-Key`."
)


def build(app: FastAPI) -> dict[str, Any]:
    """The document, made once."""
    if app.openapi_schema:
        return app.openapi_schema
    document = get_openapi(
        title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes, tags=app.openapi_tags
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs"))
    schemas["Problem"] = problem
    document["components"]["schemas"] = dict(sorted(schemas.items()))
    document["components"]["securitySchemes"] = {"apiKey": {"type": "http", "scheme": "bearer"}}
    for operations in document["paths"].values():
        for operation in operations.values():
            _declare_errors(operation)
    app.openapi_schema = document
    return document


def _declare_errors(operation: dict[str, Any]) -> None:
    errors = operation.pop(ERRORS_FIELD, None)
    responses = operation["responses"]
    responses.pop("422", None)
    if errors is None:
        return
    operation["security"] = [{"apiKey": []}]
    for status in errors:
        responses[str(status)] = {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": PROBLEM}},
        }


def render(app: FastAPI) -> str:
    """The document as the committed file has it."""
    return json.dumps(app.openapi(), indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """Print the document."""
    from app.main import describe_app  # noqa: PLC0415 - main imports this module

    sys.stdout.write(render(describe_app()))


if __name__ == "__main__":
    main()
