"""`mneme reindex --embed` on an embedded home: told by the refused start, refused while the service runs, then done."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.support.instance import Instance

pytestmark = pytest.mark.long


@pytest.fixture
def other_models(model_dir, tmp_path) -> Path:
    """The default model once more, under another name."""
    models = tmp_path / "models"
    (source,) = [path for path in model_dir.iterdir() if path.is_dir()]
    shutil.copytree(source, models / "renamed")
    manifest = models / "renamed" / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"name": "renamed"}))
    return models


def embed_again(instance, environment):
    return subprocess.run(
        [sys.executable, "-m", "app.cli", "reindex", "--embed"],
        env=os.environ | {"MNEME_HOME": str(instance.home_path)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def call(instance, path, body, **query):
    headers = {"Authorization": f"Bearer {instance.key}", "Idempotency-Key": path}
    return httpx.post(f"{instance.url}{path}", json=body, params=query, headers=headers, timeout=70).json()


def test_a_change_of_the_model_says_what_to_run_and_that_helps(tmp_path, other_models):
    changed = {"EMBEDDING_MODEL": "renamed", "MNEME_MODEL_DIR": str(other_models)}
    instance = Instance(tmp_path / "home")
    try:
        instance.start()
        event = {"user_id": "ann", "session_id": "s", "role": "user", "content": "I live in Ghent."}
        call(instance, "/v1/events", {"events": [event]}, wait="processed", timeout=30)
        refused = embed_again(instance, changed)
        assert refused.returncode == 1
        assert "Traceback" not in refused.stderr
        instance.stop()

        instance.extra |= changed
        with pytest.raises(AssertionError):
            instance.start()
        assert "mneme reindex --embed" in (tmp_path / "serve.log").read_text()
        instance.end()

        done = embed_again(instance, changed)
        assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
        instance.start()
        answer = call(instance, "/v1/recall", {"user_id": "ann", "query": "Where do I live?"})
        assert "Ghent" in answer["items"][0]["text"]
        assert answer["degraded"] is False
        instance.stop()
    finally:
        instance.end()
