"""Every free text that the API takes, as its description says, and which of them a client has sent a word in."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

DESCRIPTION = json.loads((Path(__file__).parents[2] / "docs" / "openapi.json").read_text())
SCHEMAS = DESCRIPTION["components"]["schemas"]
BOUND = {"enum", "const", "format"}  # what takes no words of one's own


def free_fields() -> set[str]:
    """`Model.field` of bodies, and `query name`, `path name`, `header name` of what stands beside them."""
    found: set[str] = set()
    for _, operation in _operations():
        for parameter in operation.get("parameters", ()):
            if any(_free(schema) for schema in _variants(parameter["schema"])):
                found.add(f"{parameter['in']} {parameter['name']}")
        for kind, body in operation.get("requestBody", {}).get("content", {}).items():
            if kind == "application/json":
                found |= set(_fields(body["schema"], ""))
            else:
                found.add(f"file {operation['operationId']}")
    return found


class Sent:
    """Which free fields were sent with a word in them; an event hook of an httpx client."""

    def __init__(self, word: str) -> None:
        self.fields: set[str] = set()
        self._word = word.casefold()

    def __call__(self, request: httpx.Request) -> None:
        operation = _operation_of(request)
        for name, value in request.url.params.multi_items():
            self._note(f"query {name}", value)
        for name, value in request.headers.items():
            self._note(f"header {name.title()}", value)
        for parameter in operation.get("parameters", ()):
            if parameter["in"] == "path" and self._word in request.url.path.casefold():
                self.fields.add(f"path {parameter['name']}")
        for kind, body in operation.get("requestBody", {}).get("content", {}).items():
            if kind != "application/json":
                self._note(f"file {operation['operationId']}", request.read().decode(errors="replace"))
            elif request.content:
                self._body(body["schema"], json.loads(request.content), "")

    def _body(self, schema: dict[str, Any], value: Any, name: str) -> None:
        for variant in _variants(schema):
            if isinstance(value, str) and _free(variant):
                self._note(name, value)
            if isinstance(value, list) and "items" in variant:
                for member in value:
                    self._body(variant["items"], member, name)
            if isinstance(value, dict):
                if variant.get("additionalProperties"):
                    self._note(name, json.dumps(value))
                for field, member in value.items():
                    if field in variant.get("properties", {}):
                        self._body(variant["properties"][field], member, f"{variant['title']}.{field}")

    def _note(self, field: str, value: str) -> None:
        if self._word in value.casefold():
            self.fields.add(field)


def _operations() -> Iterator[tuple[tuple[str, str], dict[str, Any]]]:
    for path, methods in DESCRIPTION["paths"].items():
        for method, operation in methods.items():
            yield (method.upper(), path), operation


def _operation_of(request: httpx.Request) -> dict[str, Any]:
    fitting = [
        (path.count("{"), operation)
        for (method, path), operation in _operations()
        if method == request.method and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", path), request.url.path)
    ]
    assert fitting, f"no operation {request.method} {request.url.path}"
    return min(fitting, key=lambda one: one[0])[1]


def _variants(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The schema without references and alternatives, as often as there are some."""
    if "$ref" in schema:
        name = schema["$ref"].split("/")[-1]
        yield from _variants({"title": name} | SCHEMAS[name])
        return
    for alternative in ("anyOf", "oneOf", "allOf"):
        for one in schema.get(alternative, ()):
            yield from _variants(one)
    yield schema


def _free(schema: dict[str, Any]) -> bool:
    return schema.get("type") == "string" and not BOUND & set(schema)


def _fields(schema: dict[str, Any], name: str) -> Iterator[str]:
    for variant in _variants(schema):
        if _free(variant) or (variant.get("additionalProperties") and "properties" not in variant):
            yield name
        if "items" in variant:
            yield from _fields(variant["items"], name)
        for field, member in variant.get("properties", {}).items():
            yield from _fields(member, f"{variant['title']}.{field}")
