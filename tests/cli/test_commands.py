"""The commands against a running service, and one that starts its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from app.cli.demo import conversation
from tests.support.instance import Instance, leftovers

ROOT = Path(__file__).parents[2]


@pytest.fixture
def mneme(service: Instance):
    """Run a command as a client of the running service."""

    def run(*arguments: str, code: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
        client = {"MNEME_URL": service.url, "MNEME_API_KEY": service.key, "COLUMNS": "200"}
        done = subprocess.run(
            [sys.executable, "-m", "app.cli", *arguments],
            cwd=ROOT, capture_output=True, text=True, check=False, timeout=90, env=os.environ | client | environment,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    return run


@pytest.fixture
def user():
    return f"cli-{uuid4().hex[:8]}"


def write(path: Path, user_id: str) -> Path:
    lines = [{k: v for k, v in event.items() if k != "id"} | {"user_id": user_id} for event in conversation()]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_a_file_is_imported_once_however_often_and_then_recalled(mneme, user, tmp_path):
    file = write(tmp_path / "talk.jsonl", user)
    assert "57 accepted, 0 already there" in mneme("events", "import", str(file), "--wait").stdout
    assert "0 accepted, 57 already there" in mneme("events", "import", str(file)).stdout
    shown = mneme("recall", "What is Maya allergic to?", "--user", user).stdout
    assert "peanuts" in shown
    assert "dense" in shown
    assert "s1 2025-03-03" in shown
    answer = json.loads(mneme("recall", "What is Maya allergic to?", "-u", user, "--limit", "3", "--json").stdout)
    assert "peanut" in answer["items"][0]["text"]


def test_a_refused_line_is_named(mneme, user, tmp_path):
    file = write(tmp_path / "talk.jsonl", user)
    lines = file.read_text().splitlines()
    lines[30] = json.dumps(json.loads(lines[30]) | {"role": "robot"})
    file.write_text("\n".join(lines))
    assert "line 31/role" in mneme("events", "import", str(file), code=1).stderr


def test_a_key_is_made_works_and_is_revoked(mneme, user):
    token = mneme("keys", "create", "reader", "--scope", "recall", "--user", user, "--days", "2").stdout.strip()
    assert token.startswith("mneme_")
    key_id = token.split("_")[1]
    listed = mneme("keys", "list").stdout
    assert key_id in listed
    assert token.split("_")[2] not in listed
    mneme("recall", "anything?", "--user", user, MNEME_API_KEY=token)
    assert (
        "bound to another user" in mneme("recall", "anything?", "--user", "other", code=1, MNEME_API_KEY=token).stderr
    )
    assert "Revoked" in mneme("keys", "revoke", key_id).stdout
    refused = mneme("recall", "anything?", "--user", user, code=1, MNEME_API_KEY=token).stderr
    assert "Unauthenticated" in refused


def test_a_project_is_made_with_its_own_key(mneme):
    name = f"second-{uuid4().hex[:6]}"
    token = mneme("projects", "create", name).stdout.strip()
    assert name in mneme("projects", "list").stdout
    own = mneme("projects", "list", MNEME_API_KEY=token).stdout
    assert name in own
    assert "default" not in own


def test_the_index_is_rebuilt(mneme, user, tmp_path):
    mneme("events", "import", str(write(tmp_path / "talk.jsonl", user)), "--wait")
    assert "rebuilt" in mneme("reindex").stdout
    assert "peanuts" in mneme("recall", "What is Maya allergic to?", "--user", user).stdout


def test_decay_lists_and_does_what_it_lists(mneme, user, tmp_path):
    mneme("events", "import", str(write(tmp_path / "talk.jsonl", user)), "--wait")
    fresh = mneme("decay", "--user", user, "--dry-run").stdout
    assert "Nothing has faded" in fresh
    assert "What has changed" in mneme("decay", "--user", user).stdout
    assert "peanuts" in mneme("recall", "What is Maya allergic to?", "--user", user).stdout


def test_sleep_shows_what_it_would_do_and_does_it(mneme, user, tmp_path):
    mneme("events", "import", str(write(tmp_path / "talk.jsonl", user)), "--wait")
    shown = mneme("sleep", "--user", user, "--dry-run").stdout
    assert "What would change" in shown
    assert "active before" in shown
    assert "What changed" in mneme("sleep", "--user", user).stdout


def test_doctor_finds_a_healthy_service_healthy(mneme):
    shown = mneme("doctor").stdout
    for part in ("database", "schema", "encoder", "index", "hints", "pipeline", "failed jobs"):
        assert part in shown
    assert "bad" not in shown


def test_doctor_says_what_is_wrong(mneme):
    shown = mneme("doctor", code=1, MNEME_API_KEY="mneme_nobody_" + "x" * 43).stdout
    assert "bad" in shown


def test_with_no_service_running_a_command_starts_and_stops_its_own(tmp_path, model_dir):
    home = tmp_path / "home"
    home.mkdir()
    (home / "address").write_text("http://127.0.0.1:9\n")  # of an instance that was killed
    environment = os.environ | {"MNEME_HOME": str(home), "MNEME_PORT": "0"}
    done = subprocess.run(
        [sys.executable, "-m", "app.cli", "keys", "list"],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=90, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "first" in done.stdout
    assert "starting one" in done.stderr
    assert leftovers(home) == []
    assert not (home / "address").exists()


def test_the_demo_shows_context_and_leaves_nothing(tmp_path, model_dir):
    done = subprocess.run(
        [sys.executable, "-m", "app.cli", "demo"],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=110,
        env=os.environ | {"TMPDIR": str(tmp_path), "COLUMNS": "160"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "57 turns became" in done.stdout
    assert "Maya lives in Rotterdam now." in done.stdout
    assert "1 superseded" in done.stdout
    assert list(tmp_path.iterdir()) == []
    assert leftovers(tmp_path) == []


def test_forgetting_asks_first_and_shows_the_receipt(mneme, user, tmp_path):
    mneme("events", "import", str(write(tmp_path / "talk.jsonl", user)), "--wait")
    assert "Aborted" in mneme("forget", "--user", user, code=1).stderr
    shown = mneme("forget", "--user", user, "--session", "s1", "--yes", "--no-wait").stdout
    assert "erasing" in shown
    assert "events" in shown
    everything = mneme("forget", "--user", user, "--yes", "--no-wait").stdout
    assert "Receipt" in everything
    assert "There is no such user" in mneme("forget", "--user", user, "--yes", code=1).stderr
