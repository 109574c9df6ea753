"""Every route and every id that it takes: another project's id is answered exactly like one that nobody has.

Each case makes the thing in project A, asks for it as B (a stranger), asks as B for an id that does not exist, and, as
the positive control, asks for it as A. A new route without a case fails `test_every_id_of_every_route_has_a_case`.
"""

import re
from typing import Any

import httpx
import pytest

from app.main import describe_app
from tests.isolation import cube_cases, erasure_cases, route_cases, state_cases, version_cases
from tests.isolation.route_cases import QUERY, WORD, World
from tests.support.served import Served, new_key, new_project

WITHOUT_IDS = {"projects_create", "policy_get", "policy_put", "health_live", "health_ready", "audit_verify"}
CASES = (
    route_cases.CASES | state_cases.CASES | version_cases.VERSION_CASES | cube_cases.CUBE_CASES | erasure_cases.CASES
)
FLAT = [(operation, name) for operation, cases in CASES.items() for name in cases]


def ids_of(document: dict[str, Any]) -> set[tuple[str, str]]:
    """Every id that a route takes, in its path, its query and its body, by the names of the document."""
    schemas = document["components"]["schemas"]

    def body_ids(schema: dict[str, Any], prefix: str) -> set[str]:
        found: set[str] = set()
        for name, member in schema.get("properties", {}).items():
            if re.search(r"(^|_)ids?$", name):
                found.add(prefix + name)
            for ref in re.findall(r"#/components/schemas/(\w+)", str(member)):
                inside = "" if "items" in str(member) and name == "events" else f"{prefix}{name}."
                found |= body_ids(schemas[ref], inside)
        return found

    found = set()
    for methods in document["paths"].values():
        for operation in methods.values():
            name = operation["operationId"]
            for parameter in operation.get("parameters", []):
                if re.search(r"_id$|^cursor$", parameter["name"]):
                    found.add((name, parameter["name"]))
            content = operation.get("requestBody", {}).get("content", {})
            for ref in re.findall(r"#/components/schemas/(\w+)", str(content)):
                found |= {(name, id_) for id_ in body_ids(schemas[ref], "")}
    return found


def test_every_id_of_every_route_has_a_case():
    document = describe_app().openapi()
    operations = {o["operationId"] for methods in document["paths"].values() for o in methods.values()}
    assert operations == set(CASES) | WITHOUT_IDS
    assert ids_of(document) == set(FLAT)


@pytest.fixture
def world(served: Served):
    database = served.context.db
    with (
        served.client(new_key(database, new_project(database))) as a,
        served.client(new_key(database, new_project(database))) as b,
    ):
        yield World(served, a, b)


def plain(answer: httpx.Response, id_: str) -> tuple[int, str]:
    """Status and body without what is each request's own: the id that was asked for, server-made ids and times."""
    text = answer.text.replace(id_, "<id>")
    text = re.sub(r'"(request_id|token)":"[^"]*"', r'"\1":""', text)
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<uuid>", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(\+00:00|Z)", "<time>", text)
    if "mneme" not in text:
        text = re.sub(r'"id":"[A-Za-z0-9]{12}"', '"id":""', text)
    return answer.status_code, text


@pytest.mark.parametrize(("operation", "name"), FLAT)
def test_a_strangers_id_is_answered_like_an_unknown_one(world, operation, name):
    case = CASES[operation][name]
    owned = case.make(world)
    unknown = case.unknown()
    assert unknown != owned
    strange = case.ask(world.b, owned)
    nothing = case.ask(world.b, unknown)
    assert plain(strange, owned) == plain(nothing, unknown)
    assert WORD not in strange.text.replace(QUERY["query"], "")
    control = case.ask(world.a, owned)
    assert control.status_code == case.control, control.text
    if case.control == 200:
        assert control.text != strange.text
