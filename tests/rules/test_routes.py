"""Rules for every route of the gateway: who may call it, what it is called, and which errors it declares."""

import re

import pytest
from starlette.routing import Route

from app.http.gate import SCOPE_FIELD, GatedRoute
from app.main import describe_app

# Routes that answer without a key, each with its reason.
OPEN_ROUTES = {
    "/health/live": "a supervisor asks it",
    "/health/ready": "a load balancer asks it",
    "/metrics": "Prometheus asks it; it holds counts only",
    "/openapi.json": "the contract is public",
    "/docs": "shows the contract",
    "/docs/oauth2-redirect": "part of /docs",
}
NAMED_BY_THE_CONTRACT = {
    "events_create", "events_list", "events_get", "recall", "memories_list", "memories_get", "memories_create",
    "memories_update", "memories_delete", "memories_history", "memories_links", "memories_aggregate",
    "memories_feedback", "memories_feedback_list", "users_get", "sessions_list", "sessions_get", "sessions_context",
    "jobs_create", "jobs_list", "jobs_get", "jobs_retry", "keys_create", "keys_list", "projects_create",
    "projects_list", "policy_get", "policy_put", "memories_restore", "cubes_snapshot_create", "cubes_snapshot_list",
    "cubes_snapshot_get", "cubes_snapshot_delete", "cubes_snapshot_diff", "cubes_rollback", "audit_list",
    "audit_export", "audit_verify",
}  # fmt: skip


@pytest.fixture(scope="module")
def app():
    return describe_app()


@pytest.fixture(scope="module")
def operations(app) -> dict[str, dict]:
    found = {}
    for path, methods in app.openapi()["paths"].items():
        for method, operation in methods.items():
            found[f"{method.upper()} {path}"] = operation
    return found


def every_route(routes):
    """All routes, also those of routers that were included as one."""
    for route in routes:
        if isinstance(route, Route):
            yield route
        else:  # a router that was included as a whole
            yield from every_route(route.original_router.routes)


def test_every_route_asks_for_a_key_but_a_listed_few(app):
    routes = list(every_route(app.routes))
    assert len(routes) > 20
    loose = {route.path for route in routes if not isinstance(route, GatedRoute)}
    assert loose == set(OPEN_ROUTES)


def test_every_operation_declares_its_key_and_scope(operations):
    for name, operation in operations.items():
        if name.split()[1] in OPEN_ROUTES:
            assert "security" not in operation
        else:
            assert operation["security"] == [{"apiKey": []}], name
            assert operation[SCOPE_FIELD], name


def test_operation_ids_are_stable_names(operations):
    ids = [operation["operationId"] for operation in operations.values()]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", id_) for id_ in ids)
    assert set(ids) >= NAMED_BY_THE_CONTRACT


def test_errors_are_declared_as_problems(operations):
    for name, operation in operations.items():
        errors = {status: answer for status, answer in operation["responses"].items() if status >= "400"}
        if name.split()[1] in OPEN_ROUTES:
            continue
        assert set(errors) >= {"401", "403", "422", "429", "500", "503"}, name
        for answer in errors.values():
            assert list(answer["content"]) == ["application/problem+json"], name
