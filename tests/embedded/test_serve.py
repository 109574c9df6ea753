"""`mneme serve` as its user meets it: starts, restarts, refusals, and nothing left behind."""

import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import pytest

from app.embedded.account import Account, command
from app.embedded.valkey import free_port
from tests.support.instance import STOP_SECONDS, Instance, leftovers, modes

ROOT = os.geteuid() == 0


@pytest.fixture
def directory():
    """A short private path, as `mktemp -d` makes one."""
    path = Path(tempfile.mkdtemp(prefix="mneme-test-"))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def make(directory):
    """Instances that are ended with the test, whatever happens in it."""
    made = []

    def start(name: str = "home", **extra: str) -> Instance:
        instance = Instance(directory / name, extra)
        made.append(instance)
        instance.start()
        return instance

    yield start
    for instance in made:
        instance.end()


def store_event(instance: Instance) -> httpx.Response:
    event = {"id": "e1", "user_id": "anna", "session_id": "s1", "role": "user", "content": "I moved to Lisbon in May."}
    headers = {"Authorization": f"Bearer {instance.key}"}
    return httpx.post(f"{instance.url}/v1/events", json={"events": [event]}, headers=headers, timeout=10)


def test_data_and_key_survive_a_restart(make):
    instance = make()
    assert stat.S_IMODE(instance.home.key_file.stat().st_mode) == 0o600
    key = instance.key
    until = time.monotonic() + 5
    while key not in instance.output():
        assert time.monotonic() < until, "the first start shows the key"
        time.sleep(0.05)
    assert store_event(instance).json()["items"][0]["status"] == "accepted"
    assert instance.stop() < STOP_SECONDS
    assert leftovers(instance.home_path) == []
    instance.start()
    assert instance.key == key
    assert store_event(instance).json()["items"][0]["status"] == "duplicate"
    assert instance.stop() < STOP_SECONDS
    assert leftovers(instance.home_path) == []


def test_after_kill_9_of_everything_the_next_start_recovers(make, directory):
    before = modes(directory)
    instance = make()
    assert store_event(instance).status_code == 202
    instance.kill("whole")
    assert store_event(instance).json()["items"][0]["status"] == "duplicate"
    assert instance.stop() < STOP_SECONDS
    assert leftovers(instance.home_path) == []
    assert modes(directory) == before


def test_nothing_outlives_a_killed_supervisor(make):
    instance = make()
    instance.process.kill()
    instance.process.wait()
    until = time.monotonic() + 10
    while leftovers(instance.home_path) and time.monotonic() < until:
        time.sleep(0.1)
    assert leftovers(instance.home_path) == []


def test_two_homes_run_side_by_side_and_one_home_once(make, directory):
    first, second = make("one"), make("two")
    assert first.key != second.key
    foreign = httpx.get(f"{second.url}/v1/keys", headers={"Authorization": f"Bearer {first.key}"})
    assert foreign.status_code == 401
    environment = os.environ | {"MNEME_HOME": str(first.home_path), "MNEME_PORT": "0"}
    again = subprocess.run(
        [sys.executable, "-m", "app.cli", "serve"], env=environment, capture_output=True, text=True, check=False
    )
    assert again.returncode == 1
    assert "already runs" in again.stderr
    assert "Traceback" not in again.stderr
    assert httpx.get(f"{first.url}/health/ready").status_code == 200


@pytest.mark.long  # a command that starts its own service (tests/cli/test_commands.py) goes this way in every run
def test_a_free_port_is_taken_and_written_down(directory):
    environment = os.environ | {"MNEME_HOME": str(directory / "home"), "MNEME_PORT": "0"}
    file = directory / "home" / "address"
    with subprocess.Popen([sys.executable, "-m", "app.cli", "serve"], env=environment, stdout=subprocess.DEVNULL) as it:
        while not file.exists():
            assert it.poll() is None
            time.sleep(0.05)
        assert httpx.get(f"{file.read_text().strip()}/health/ready").status_code == 200
        it.terminate()
    assert not file.exists()
    assert leftovers(directory / "home") == []


@pytest.mark.skipif(not ROOT, reason="needs root to become somebody else")
def test_an_ordinary_user_serves(directory):
    entry = pwd.getpwnam("nobody")
    home, port = directory / "own" / "home", free_port()
    home.parent.mkdir()
    os.chown(home.parent, entry.pw_uid, entry.pw_gid)
    directory.chmod(0o711)  # ours, for this test: the user passes through to a directory of its own
    argv = command(
        [sys.executable, "-m", "app.cli", "serve"],
        Account(entry.pw_uid, entry.pw_gid),
        reach=(Path(__file__), Path(os.environ["MNEME_MODEL_DIR"])),
        death_signal=None,
    )
    environment = os.environ | {"MNEME_HOME": str(home), "MNEME_PORT": str(port), "HOME": str(home.parent)}
    log = (directory / "log").open("wb")
    with log, subprocess.Popen(argv, env=environment, stdout=log, stderr=log) as it:
        until = time.monotonic() + 60
        while not (home / "address").exists():
            assert it.poll() is None and time.monotonic() < until, (directory / "log").read_text()  # noqa: PT018
            time.sleep(0.1)
        assert (home / "pg").stat().st_uid == entry.pw_uid
        assert httpx.get(f"http://127.0.0.1:{port}/health/ready").status_code == 200
        it.terminate()
        assert it.wait(STOP_SECONDS) == 0
    assert leftovers(home) == []
