"""How the code reads, as far as a machine can check it."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
LIMIT = 350  # lines; most files have 50 to 250
DOCUMENTED = ("app/services", "app/domain", "app/evaluation", "app/index", "app/inference", "app/storage")

# Where a transaction may begin: the edges. Everything below them takes a connection and never commits. `app/ledger` is
# the base of every task, which workers and the gateway's index thread share.
EDGES = ("app/http/", "app/ledger/", "workers/", "app/cli/", "app/embedded/")
# Others that read outside any unit of work; each entry says why.
OTHER_EDGES: dict[str, str] = {
    "app/context.py": "compares the schema's revision before the process serves",
    "app/services/collections.py": "reads which collection is live, at start and once a second, outside a unit of work",
}

# Who may catch everything: the two outermost handlers, which log, count and answer.
CATCH_ALL: dict[str, str] = {
    "app/http/middleware.py": "answers 500 as problem+json",
    "app/ledger/runner.py": "the task base: gives the unit back with its error",
}


def python_files(*folders: str) -> list[Path]:
    return sorted(p for folder in folders for p in (ROOT / folder).rglob("*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_bytes())


SOURCES = python_files("app", "workers", "migrations")
EVERYTHING = SOURCES + python_files("tests", "bench")
SPEAKING = [path for path in EVERYTHING if not path.name.startswith("test_")]  # tests speak by their names


def calls(tree: ast.AST) -> Iterator[tuple[int, str, ast.expr | None]]:
    """Every call as (line, name of what is called, object it is called on)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute):
                yield node.lineno, node.func.attr, node.func.value
            elif isinstance(node.func, ast.Name):
                yield node.lineno, node.func.id, None


def test_transactions_begin_at_the_edges():
    inner = [
        f"{name_of(path)}:{line} calls {called}()"
        for path in SOURCES
        if not name_of(path).startswith((*EDGES, "migrations/", "app/storage/db.py"))
        and name_of(path) not in OTHER_EDGES
        for line, called, _ in calls(tree_of(path))
        if called in {"transaction", "commit", "rollback"}
    ]
    assert not inner, "\n".join(inner)


def test_the_list_of_other_edges_is_not_stale():
    idle = [
        name for name in OTHER_EDGES if not any(called == "transaction" for _, called, _ in calls(tree_of(ROOT / name)))
    ]
    assert not idle, f"these open no transaction any more: {idle}"


def catches_everything(handler: ast.ExceptHandler) -> bool:
    names = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(n is None or (isinstance(n, ast.Name) and n.id in {"Exception", "BaseException"}) for n in names)


def test_nothing_else_catches_everything():
    found = {
        f"{name_of(path)}:{node.lineno}"
        for path in SOURCES
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ExceptHandler) and catches_everything(node)
    }
    strangers = {place for place in found if place.split(":")[0] not in CATCH_ALL}
    assert not strangers, f"name the errors instead: {sorted(strangers)}"
    assert {place.split(":")[0] for place in found} == set(CATCH_ALL), "the list is stale"


def test_every_module_says_what_it_is_for():
    silent = [name_of(p) for p in SPEAKING if p.read_bytes().strip() != b"" and not ast.get_docstring(tree_of(p))]
    assert not silent, "a module docstring of 1-4 lines"


def test_no_file_is_long():
    long = {name_of(p): n for p in EVERYTHING if (n := len(p.read_text().splitlines())) > LIMIT}
    assert not long, f"split by step: at most {LIMIT} lines"


def public_functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Public functions of the module itself (methods speak through their class)."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            yield node


def test_public_functions_are_documented():
    silent = [
        f"{name_of(path)}:{node.lineno} {node.name}"
        for path in python_files(*DOCUMENTED)
        for node in public_functions(tree_of(path))
        if not ast.get_docstring(node)
    ]
    assert not silent, "\n".join(silent)


# Tables with user data, as row-level security lists them; a function that names one of them must know whose rows it
# touches.
USER_TABLES = (
    "events", "sessions", "speakers", "segments", "candidates", "memories", "memory_versions", "memory_sources",
    "vectors", "links", "entities", "memory_entities", "scenes", "scene_members", "blocks", "served", "unindex",
    "feedback", "cube_files", "cube_shares", "artefacts", "artefact_parts", "erasures", "tombstones",
)  # fmt: skip
TOUCHES = re.compile(rf"\b(?:FROM|INTO|UPDATE|JOIN)\s+(?:{'|'.join(USER_TABLES)})\b", re.IGNORECASE)
SCOPED = re.compile(r"\b(?:UserScope|ProjectScope|Scope|WorkItem)\b")
UNSCOPED: dict[str, str] = {}  # "file:function": why it needs none


def statements(tree: ast.Module) -> dict[str, str]:
    """Text constants of the module by name, so that a function which uses one is seen to touch its tables."""
    found = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            texts = [c.value for c in ast.walk(node.value) if isinstance(c, ast.Constant) and isinstance(c.value, str)]
            found[node.targets[0].id] = " ".join(texts)
    return found


def touches_user_data(function: ast.AST, named: dict[str, str]) -> bool:
    texts = [c.value for c in ast.walk(function) if isinstance(c, ast.Constant) and isinstance(c.value, str)]
    texts += [named.get(n.id, "") for n in ast.walk(function) if isinstance(n, ast.Name)]
    return any(TOUCHES.search(text) for text in texts)


def test_storage_functions_that_touch_user_data_take_a_scope():
    loose = []
    for path in python_files("app/storage"):
        tree = tree_of(path)
        named = statements(tree)
        for function in public_functions(tree):
            place = f"{name_of(path)}:{function.name}"
            annotations = " ".join(
                ast.unparse(a.annotation) for a in (*function.args.args, *function.args.kwonlyargs) if a.annotation
            )
            if "Connection" not in annotations or place in UNSCOPED:
                continue  # a builder of conditions reads nothing
            if touches_user_data(function, named) and not SCOPED.search(annotations):
                loose.append(place)
    assert not loose, f"whose rows? {loose}"


def test_wall_clock_is_read_in_one_place():
    """`datetime.now` and `utcnow` belong to clock.py; others take a clock (tests and benches time themselves)."""
    found = [
        f"{name_of(path)}:{line} {called}"
        for path in SOURCES
        if name_of(path) != "app/clock.py"
        for line, called, owner in calls(tree_of(path))
        if (called == "now" and owner is not None and ast.unparse(owner).split(".")[-1] in {"datetime", "date"})
        or called in {"utcnow", "utcfromtimestamp", "today"}
    ]
    assert not found, "\n".join(found)


PATTERN_NAMES = {"utils", "util", "common", "helpers", "helper", "manager", "engine", "misc"}


def test_names_come_from_the_domain():
    named = [name_of(path) for path in EVERYTHING if path.stem in PATTERN_NAMES or path.parent.name in PATTERN_NAMES]
    assert not named
