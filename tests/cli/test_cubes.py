"""`mneme export` and `mneme import` as a person runs them."""

import json
import os
import subprocess
import sys
import uuid

import httpx
import pytest


@pytest.fixture
def run(service):
    """Run a command against the service and return it."""

    def run(*arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"MNEME_URL": service.url, "MNEME_API_KEY": service.key, "COLUMNS": "160"}
        done = subprocess.run(
            [sys.executable, "-m", "app.cli", *arguments], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done

    return run


def test_a_user_moves_by_file(service, run, tmp_path):
    name, file = f"cube-{uuid.uuid4().hex[:8]}", tmp_path / "out.jsonl"
    headers = {"Authorization": f"Bearer {service.key}"}
    with httpx.Client(base_url=service.url, headers=headers) as client:
        client.post("/v1/memories", json={"user_id": name, "text": "Anna likes green tea."}).raise_for_status()
        shown = run("export", str(file), "--user", name)
        assert "memory" in shown.stdout
        assert not list(tmp_path.glob("*.part"))
        assert file.stat().st_mode & 0o077 == 0
        part = tmp_path / "part.jsonl"
        run("export", str(part), "--user", name, "--type", "preference", "--include", "policy")
        assert {json.loads(line)["record"] for line in part.read_text().splitlines()} == {"header", "policy", "trailer"}
        run("import", str(part), "--user", f"{name}-3", "--apply-policy", "--dry-run")
        tried = run("import", str(file), "--user", f"{name}-2", "--dry-run")
        assert "Would be done" in tried.stdout
        assert client.get("/v1/memories", params={"user_id": f"{name}-2"}).json()["items"] == []
        assert "added" in run("import", str(file), "--user", f"{name}-2").stdout
        assert "unchanged" in run("import", str(file), "--user", f"{name}-2", "--conflict", "newer").stdout
        found = client.get("/v1/memories", params={"user_id": f"{name}-2"}).json()["items"]
        assert [memory["text"] for memory in found] == ["Anna likes green tea."]


def test_what_is_refused_is_said(run, tmp_path):
    nobody = run("export", str(tmp_path / "x"), "--user", "nobody-at-all", code=1)
    assert "There is no such user" in nobody.stderr
    assert not (tmp_path / "x").exists()
    missing = run("export", str(tmp_path / "no" / "x"), "--user", "nobody-at-all", code=1)
    assert "No such file or directory" in missing.stderr
    assert "Traceback" not in missing.stderr
    broken = tmp_path / "broken.jsonl"
    broken.write_text(json.dumps({"record": "header"}) + "\n")
    assert "line 1: /schema" in run("import", str(broken), "--user", "x", code=1).stderr
