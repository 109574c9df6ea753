"""MNEME_HOME: private when it is ours, untouched when it is not, held by one process."""

import os
import stat
import subprocess
import sys

import pytest

from app.embedded.home import EmbeddedError, Home


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_what_we_make_is_private(tmp_path):
    home = Home.open(tmp_path / "a" / "b" / "home")
    assert [mode(p) for p in (tmp_path / "a", home.path, home.logs, home.index)] == [0o700] * 4
    home.secrets()
    assert mode(home.path / "secrets.json") == 0o600


def test_a_directory_that_was_there_keeps_its_mode(tmp_path):
    given = tmp_path / "given"
    given.mkdir()
    given.chmod(0o755)
    Home.open(given)
    assert mode(given) == 0o755
    assert given.stat().st_uid == os.geteuid()


def test_passwords_stay_the_same(tmp_path):
    home = Home.open(tmp_path / "home")
    assert home.secrets() == Home.open(home.path).secrets()
    assert len(set(home.secrets().__getstate__())) == 3


def test_a_second_instance_is_refused_and_told_why(tmp_path):
    home = Home.open(tmp_path / "home")
    with home.locked(), pytest.raises(EmbeddedError, match=f"process {os.getpid()}.*MNEME_HOME"), home.locked():
        pass
    with home.locked():
        pass


def test_the_lock_goes_with_a_killed_process(tmp_path):
    home = Home.open(tmp_path / "home")
    code = (
        "import sys, time; from pathlib import Path; from app.embedded.home import Home\n"
        "with Home.open(Path(sys.argv[1])).locked(): print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(home.path)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(EmbeddedError), home.locked():
            pass
        holder.kill()
        holder.wait()
    with home.locked():
        pass


def test_a_home_that_cannot_be_made_is_explained(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(EmbeddedError, match="MNEME_HOME"):
        Home.open(tmp_path / "file" / "home")
