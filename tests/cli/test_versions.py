"""`mneme snapshot`, `mneme rollback` and `mneme audit` against a running service."""

import json
import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.support.instance import Instance

ROOT = Path(__file__).parents[2]


@pytest.fixture
def mneme(service: Instance):
    """Run a command as a client of the running service."""

    def run(*arguments: str, code: int = 0) -> str:
        client = {"MNEME_URL": service.url, "MNEME_API_KEY": service.key, "COLUMNS": "250"}
        done = subprocess.run(
            [sys.executable, "-m", "app.cli", *arguments],
            cwd=ROOT, capture_output=True, text=True, check=False, timeout=90, env=os.environ | client,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr

    return run


@pytest.fixture
def api(service: Instance):
    with httpx.Client(base_url=service.url, headers={"Authorization": f"Bearer {service.key}"}) as client:
        yield client


def test_a_user_goes_back_to_a_snapshot_and_forth_again(mneme, api, tmp_path):
    user = f"cli-{uuid4().hex[:8]}"

    def texts():
        return [m["text"] for m in api.get("/v1/memories", params={"user_id": user}).json()["items"]]

    api.post("/v1/memories", json={"user_id": user, "text": "The user lives in Warsaw."})
    assert "tuesday" in mneme("snapshot", "create", "tuesday", "--user", user)
    assert "tuesday" in mneme("snapshot", "list", "--user", user)
    api.post("/v1/memories", json={"user_id": user, "text": "The user loves hiking."})
    shown = mneme("snapshot", "diff", "tuesday", "--user", user)
    assert "1 added, 0 removed, 0 changed" in shown
    assert "loves hiking" in shown
    assert "not_known_then" in mneme("rollback", "--user", user, "--to", "tuesday", "--dry-run")
    assert len(texts()) == 2
    done = mneme("rollback", "--user", user, "--to", "tuesday")
    assert texts() == ["The user lives in Warsaw."]
    mneme("rollback", "--user", user, "--to", done.split("--to ", 1)[1].split()[0])
    assert len(texts()) == 2
    assert "there is no snapshot monday" in mneme("rollback", "--user", user, "--to", "monday", code=1)

    assert "tuesday" in mneme("snapshot", "delete", "tuesday", "--user", user)
    assert "there is no snapshot tuesday" in mneme("snapshot", "delete", "tuesday", "--user", user, code=1)

    assert "user.rollback" in mneme("audit", "--user", user)
    narrowed = mneme("audit", "--user", user, "--action", "user.rollback", "--from", "2026-01-01T00:00:00Z")
    assert "user.rollback" in narrowed
    assert "memory.create" not in narrowed
    file = tmp_path / "audit.jsonl"
    assert "Newest seal" in mneme("audit", "--export", str(file), "--training", "--user", user, "--verify")
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert [row["operation"]["action"] for row in rows] == ["add", "add", "rollback", "rollback"]
