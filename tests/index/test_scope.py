"""No search and no write of the index can be built without one user of one project."""

import ast
import inspect
import subprocess
import sys
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from app.domain.scope import ProjectScope, UserScope
from app.index import edge, edge_engine, points, server
from app.index.protocol import IndexFilter, IndexQuery
from tests.support import index_oracle as oracle

ROOT = Path(__file__).parents[2]
PROJECT = ProjectScope(UUID(int=1))  # the same in every process that collects the tests
NOT_A_USER = [None, PROJECT, PROJECT.project_id, "alice", UserScope(PROJECT.project_id, ""), UserScope(None, "alice")]


def builders():
    """Public functions of `points` that make a filter or a payload."""
    for name, function in inspect.getmembers(points, inspect.isfunction):
        if function.__module__ == points.__name__ and not name.startswith("_"):
            made = inspect.signature(function).return_annotation
            if made is points.UserFilter or str(made).startswith("dict"):
                yield name, function


def test_every_builder_takes_a_user_scope_that_is_not_optional():
    found = dict(builders())
    assert set(found) == {"of_user", "of_ids", "narrowed", "payload"}
    for function in found.values():
        first = next(iter(inspect.signature(function).parameters.values()))
        assert first.annotation is UserScope
        assert first.default is inspect.Parameter.empty


@pytest.mark.parametrize("scope", NOT_A_USER, ids=repr)
def test_every_builder_refuses_anything_else(scope, rng):
    arguments = {"of_user": (), "of_ids": ([uuid4()],), "narrowed": (IndexFilter(),), "payload": (oracle.point(rng),)}
    for name, function in builders():
        with pytest.raises(TypeError, match="one user of one project"):
            function(scope, *arguments[name])
    with pytest.raises(TypeError, match="one user of one project"):
        points.UserFilter(scope)


@pytest.mark.parametrize("scope", NOT_A_USER, ids=repr)
def test_every_call_of_an_adapter_refuses_anything_else(index, collection, rng, scope):
    stored = oracle.point(rng)
    index.upsert(collection, UserScope(PROJECT.project_id, "alice"), [stored])
    for call in (
        lambda: index.search(collection, IndexQuery(scope, dense=oracle.dense(rng))),
        lambda: index.search_each(collection, [IndexQuery(scope, dense=oracle.dense(rng))]),
        lambda: index.upsert(collection, scope, [oracle.point(rng)]),
        lambda: index.delete(collection, scope, [stored.id]),
        lambda: index.delete_user(collection, scope),
        lambda: index.vectors(collection, scope, [stored.id]),
    ):
        with pytest.raises(TypeError, match="one user of one project"):
            call()
    assert index.count(collection) == 1


def test_tenants_of_different_users_are_different():
    one, two = uuid4(), uuid4()
    users = ["a", "a/", "/a", "a/b", f"{one}/a", "A", "a ", "\uff21"]
    scopes = [UserScope(project, user) for project in (one, two) for user in users]
    assert len({points.tenant(scope) for scope in scopes}) == len(scopes)


WRONG = """
from uuid import UUID
from app.domain.scope import ProjectScope
from app.index import points
from app.index.protocol import IndexFilter, IndexPoint, IndexQuery, MemoryIndex

def wrong(index: MemoryIndex, project: ProjectScope, point: IndexPoint) -> None:
    points.of_user(project)
    points.of_ids(None, [])
    points.narrowed(project, IndexFilter())
    points.payload(project, point)
    IndexQuery(project)
    IndexQuery()
    index.upsert("c", project, [point])
    index.delete("c", None, [])
    index.delete_user("c", project)
    index.vectors("c", project, [])
"""


def test_the_type_checker_refuses_it_too(tmp_path):
    snippet = tmp_path / "wrong.py"
    snippet.write_text(WRONG)
    command = [sys.executable, "-m", "mypy", "--no-error-summary", "--cache-dir", str(tmp_path / "cache"), str(snippet)]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout
    refused = {int(line.split(":")[1]) for line in said.splitlines() if "wrong.py" in line and "error" in line}
    calls = {number for number, line in enumerate(WRONG.splitlines(), 1) if line.startswith("    ")}
    assert refused == calls, said


# Where the words of an engine may be put together: one function for each adapter, and it takes a UserFilter.
FILTER_WORDS = {
    "Filter",
    "FieldCondition",
    "HasIdCondition",
    "IsEmptyCondition",
    "FilterSelector",
    "MatchAny",
    "MatchValue",
}
MAKERS = {
    edge: set(),
    edge_engine: {"conditions", "_condition"},
    server: {"_filter", "_condition", "delete", "delete_user"},
}


@pytest.mark.parametrize("module", MAKERS, ids=lambda module: module.__name__)
def test_the_adapters_make_filters_in_one_place(module):
    makers = set()
    for function in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(function, ast.FunctionDef):
            called = {
                n.func.attr for n in ast.walk(function) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute)
            }
            if called & FILTER_WORDS:
                makers.add(function.name)
    assert makers == MAKERS[module]
    for name in makers & {"conditions", "_filter"}:
        (given,) = inspect.signature(getattr(module, name)).parameters.values()
        assert given.annotation is points.UserFilter
