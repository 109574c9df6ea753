"""Backups of the embedded database and back: whole or not at all, and erasures of since are done again."""

import tempfile
from pathlib import Path
from uuid import uuid4

import pytest

from app.cli import backup as commands
from app.domain.scope import ProjectScope
from app.embedded import archive, restoring
from app.embedded.home import EmbeddedError, Home
from app.embedded.postgres import APP, Postgres
from app.erasure_log import ErasureFile
from app.settings import Settings
from app.storage.db import Database
from app.storage.migrate import migrate

PROJECT = ProjectScope(uuid4())
EVENT = uuid4()
INSERT = """
INSERT INTO events (id, project_id, user_id, session_id, client_id, role, content, occurred_at, utc_offset, metadata,
    content_hash) VALUES (%(id)s, %(p)s, %(u)s, 's', 'e', 'user', 'x', now(), 0, '{}', 'x')
"""


GONE = {"user_id": "anna", "kind": "event", "target_id": str(EVENT), "derived_only": False,
        "erased_at": "2999-01-01T00:00:00+00:00", "events": [str(EVENT)], "memories": []}  # fmt: skip


def nothing(_done: int, _total: int) -> None:
    """No bar."""


@pytest.fixture(scope="module")
def homes():
    with tempfile.TemporaryDirectory(prefix="mneme-ar-") as path:
        yield Path(path)


@pytest.fixture(scope="module")
def backup(homes) -> Path:
    """A backup of a home with an event of Anna and one of Ben."""
    home = Home.open(homes / "a")
    server = Postgres(home)
    with archive.started(server, home):
        migrate(archive.admin_dsn(server), home.secrets().app_password)
        database = opened(server)
        with database.transaction(PROJECT) as conn:
            conn.execute("INSERT INTO projects (id, name) VALUES (%s, 'x')", (PROJECT.project_id,))
            for event, user in ((EVENT, "anna"), (uuid4(), "ben")):
                conn.execute("INSERT INTO sessions (project_id, user_id, session_id, first_at, last_at)"
                             " VALUES (%s, %s, 's', now(), now())", (PROJECT.project_id, user))  # fmt: skip
                conn.execute(INSERT, {"id": event, "p": PROJECT.project_id, "u": user})
        database.close()
    file = homes / "backup.mneme"
    shown: list[tuple[int, int]] = []
    manifest = archive.write(Settings(mneme_home=home.path, database_url=None), file, lambda *at: shown.append(at))
    assert shown[-1] == (len(manifest.rows), len(manifest.rows)), "the progress ends at its end"
    assert manifest.rows["events"] == 2
    assert file.stat().st_mode & 0o077 == 0
    return file


def opened(server: Postgres) -> Database:
    database = Database(server.dsn(APP, server.home.secrets().app_password), size=1)
    database.open()
    return database


def users(home: Home) -> list[str]:
    server = Postgres(home)
    with archive.started(server, home):
        database = opened(server)
        with database.transaction(PROJECT) as conn:
            found = [row["user_id"] for row in conn.execute("SELECT user_id FROM events ORDER BY 1").fetchall()]
        database.close()
    return found


def test_a_restore_into_a_new_home_erases_again_what_its_log_names(homes, backup):
    home = Home.open(homes / "b")
    entry = {"id": str(uuid4()), "project_id": str(PROJECT.project_id)} | GONE
    ErasureFile(home.erasure_log).append(entry)
    settings = Settings(mneme_home=home.path, database_url=None)
    manifest, again = restoring.restore(settings, backup, nothing, force=False)
    assert (manifest.rows["events"], again) == (2, 1)
    assert users(home) == ["ben"]
    with pytest.raises(EmbeddedError, match="--force"):
        restoring.restore(settings, backup, nothing, force=False)
    damaged = homes / "damaged.mneme"
    raw = bytearray(backup.read_bytes())
    raw[len(raw) // 2] ^= 1
    damaged.write_bytes(raw)
    with pytest.raises(EmbeddedError, match=r"damaged|no backup"):
        restoring.restore(settings, damaged, nothing, force=True)
    assert users(home) == ["ben"], "a refused restore leaves what was there"


def test_a_restore_without_a_list_of_erasures_says_so(homes, backup, monkeypatch, capsys):
    home = Home.open(homes / "c")
    monkeypatch.setenv("MNEME_HOME", str(home.path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    commands.restore(backup, force=True)
    assert "no list of erasures" in capsys.readouterr().out
    ErasureFile(home.erasure_log).append({"id": str(uuid4()), "project_id": str(PROJECT.project_id)} | GONE)
    commands.restore(backup, force=True)
    assert "no list of erasures" not in capsys.readouterr().out


def test_a_backup_replaces_no_file(homes, backup):
    with pytest.raises(EmbeddedError, match="already"):
        archive.write(Settings(mneme_home=homes / "a", database_url=None), backup, nothing)


def test_a_line_that_a_crash_has_cut_is_left_out(tmp_path):
    log = ErasureFile(tmp_path / "erasures.log")
    log.append({"id": "1"})
    with log.path.open("ab") as stream:
        stream.write(b'{"id": "2')
    log.append({"id": "3"})
    assert [entry["id"] for entry in log.read()] == ["1", "3"]
