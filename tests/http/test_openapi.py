"""The published contract: the committed document is the code's, and generators can make good clients from it."""

from pathlib import Path

import pytest

from app.http.openapi import render
from app.main import describe_app

COMMITTED = Path(__file__).parents[2] / "docs" / "openapi.json"


@pytest.fixture(scope="module")
def document():
    return describe_app().openapi()


def test_the_committed_document_is_that_of_the_code():
    assert COMMITTED.read_text() == render(describe_app()), "run: python -m app.http.openapi > docs/openapi.json"


def requests_of(document) -> set[str]:
    """Schemas that apps send, by name."""
    names = set()
    for methods in document["paths"].values():
        for operation in methods.values():
            content = operation.get("requestBody", {}).get("content", {})
            refs = [part["schema"].get("$ref") for part in content.values()]  # a file has none
            names |= {ref.rsplit("/", 1)[1] for ref in refs if ref}
    return names


def test_answers_have_every_field_always(document):
    schemas = document["components"]["schemas"]
    for name, schema in schemas.items():
        if (
            schema.get("additionalProperties") is not False
            and schema.get("type") == "object"
            and "properties" in schema
        ):
            assert sorted(schema.get("required", [])) == sorted(schema["properties"]), name


def test_requests_refuse_unknown_fields_and_have_no_defaults(document):
    schemas = document["components"]["schemas"]
    assert len(requests_of(document)) >= 8
    for name in requests_of(document):
        assert schemas[name]["additionalProperties"] is False, name
        for field, schema in schemas[name]["properties"].items():
            assert "default" not in schema, f"{name}.{field}"


def test_every_schema_has_a_name_of_its_own(document):
    assert not [name for name in document["components"]["schemas"] if "__" in name]


def test_every_error_is_a_problem(document):
    text = str(document)
    assert "HTTPValidationError" not in text
    for methods in document["paths"].values():
        for operation in methods.values():
            for status, answer in operation["responses"].items():
                if status >= "400" and "security" in operation:
                    ref = answer["content"]["application/problem+json"]["schema"]["$ref"]
                    assert ref == "#/components/schemas/Problem"
