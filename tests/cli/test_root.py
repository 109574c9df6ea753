"""The command tree: help for everything, one module a command, refusals in one line."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import client
from app.cli.demo import conversation
from app.cli.failure import CommandError
from app.cli.root import MODULES, run, tree

ROOT = Path(__file__).parents[2]


def mneme(*arguments, **environment):
    full = {k: v for k, v in os.environ.items() if not k.startswith(("MNEME_", "DATABASE_", "REDIS_", "QDRANT_"))}
    return subprocess.run(
        [sys.executable, "-m", "app.cli", *arguments],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=60, env=full | environment,
    )  # fmt: skip


def test_help_names_every_command():
    done = mneme("--help")
    assert done.returncode == 0
    assert not [name for name in MODULES if name not in done.stdout]


@pytest.mark.parametrize("name", sorted(MODULES))
def test_every_command_has_help(name):
    """In this process; what a command's own process loads is tested below."""
    done = CliRunner().invoke(tree([name]), [name, "--help"], prog_name="mneme")
    assert done.exit_code == 0, done.output
    assert f"Usage: mneme {name}" in done.output


def test_the_gateway_loads_no_worker_and_the_worker_no_gateway():
    code = "import sys; from app.cli.root import tree; tree([sys.argv[1]]); print(json.dumps(sorted(sys.modules)))"
    for command, foreign in (("api", "workers.app"), ("worker", "fastapi"), ("recall", "app.storage.db")):
        done = subprocess.run(
            [sys.executable, "-c", "import json; " + code, command],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        assert foreign not in json.loads(done.stdout)


def test_an_unknown_command_is_refused(capsys):
    with pytest.raises(SystemExit) as refused:
        run(["sevre"])
    assert refused.value.code == 2
    assert "No such command" in capsys.readouterr().err


def test_a_wrong_setting_is_named():
    done = mneme("serve", MNEME_PORT="eighty")
    assert done.returncode == 2
    assert "MNEME_PORT" in done.stderr
    assert "Traceback" not in done.stderr


def test_serve_points_to_server_mode_when_a_database_is_given(tmp_path):
    done = mneme("serve", MNEME_HOME=str(tmp_path / "home"), DATABASE_URL="postgresql://mneme_app:x@127.0.0.1/mneme")
    assert done.returncode == 1
    assert "mneme migrate" in done.stderr
    assert not (tmp_path / "home").exists()


def test_a_taken_port_is_explained(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = mneme(
            "serve",
            MNEME_HOME=str(tmp_path / "home"),
            MNEME_PORT=port,
            MNEME_MODEL_DIR=os.environ.get("MNEME_MODEL_DIR", str(ROOT / ".venv/mneme-models")),
        )
    assert done.returncode == 1
    assert f"port {port}" in done.stderr
    assert "MNEME_PORT" in done.stderr


def test_a_client_command_without_a_service_at_its_address_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(client.time, "sleep", lambda _seconds: None)
    with client.Service("http://127.0.0.1:9", "k") as service, pytest.raises(CommandError, match="does not answer"):
        service.get("/v1/keys")


def test_the_demo_conversation_is_what_it_says():
    events = conversation()
    assert 40 <= len(events) <= 60
    assert len({e["id"] for e in events}) == len(events)
    assert len({e["session_id"] for e in events}) == 5
    assert [e["occurred_at"][:10] for e in events] == sorted(e["occurred_at"][:10] for e in events)
