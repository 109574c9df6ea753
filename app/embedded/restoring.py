"""Putting a backup in the place of the embedded database, with the service stopped. What was there comes back when
anything fails; when nothing does, it is deleted, and the erasures made since the backup are done again.
"""

import shutil
from pathlib import Path

from app.embedded import archive, leftovers
from app.embedded.archive import Manifest, Report, admin_dsn
from app.embedded.home import EmbeddedError, Home
from app.embedded.postgres import APP, DATABASE, Postgres
from app.erasure_log import ErasureFile
from app.ledger.replaying import forget_points, replay
from app.settings import Settings
from app.storage import dumping
from app.storage.db import Database
from app.storage.migrate import migrate, prepare_roles
from app.storage.revision import head_revision


def restore(settings: Settings, file: Path, report: Report, *, force: bool) -> tuple[Manifest, int]:
    """Restore; returns what was in the backup, and how many erasures were done again. Raises EmbeddedError."""
    if settings.database_url is not None:
        raise EmbeddedError("DATABASE_URL is set: restore a database of your own with deploy/restore.sh")
    home = Home.open(settings.mneme_home)
    dump, before = home.path / "restore.dump", home.path / "pg.before"
    with home.locked():
        try:
            manifest = archive.read(file, dump)
            _check(home, manifest, before, force=force)
            leftovers.stop_leftovers(home, lambda _text: None)
            if home.data.exists():
                home.data.rename(before)
            again: int | None = None
            try:
                again = _load(home, manifest, dump, report)
            finally:
                if again is None:
                    shutil.rmtree(home.data, ignore_errors=True)
                if again is None and before.exists():
                    before.rename(home.data)
        finally:
            dump.unlink(missing_ok=True)
        for derived in (home.index, home.valkey, before):
            shutil.rmtree(derived, ignore_errors=True)
    return manifest, again


def _check(home: Home, manifest: Manifest, before: Path, *, force: bool) -> None:
    if manifest.revision > head_revision():
        raise EmbeddedError(
            f"the backup is of revision {manifest.revision}, which this version does not know: install a newer one"
        )
    if before.exists():  # a restore was killed: what it had put aside is the last whole database
        shutil.rmtree(home.data, ignore_errors=True)
        before.rename(home.data)
    if (home.data / "PG_VERSION").exists() and not force:
        raise EmbeddedError(f"there is a database in {home.path}: --force replaces it")


def _load(home: Home, manifest: Manifest, dump: Path, report: Report) -> int:
    """Into a new cluster: roles, the dump, the newest schema; then compare, and erase again."""
    server, password = Postgres(home), home.secrets().app_password
    with archive.started(server, home):
        owner = admin_dsn(server)
        prepare_roles(owner, password)
        arguments = ["--exit-on-error", "--verbose", f"--dbname={DATABASE}", str(dump)]
        archive.run_tool(server, "pg_restore", arguments, "processing data for table", report, len(manifest.rows))
        found = dumping.counts(owner)
        differing = {name for name, rows in manifest.rows.items() if found.get(name) != rows}
        if differing:
            raise EmbeddedError(f"these tables were not restored whole: {', '.join(sorted(differing))}")
        migrate(owner, password)
        database = Database(server.dsn(APP, password), size=2)
        database.open()
        try:
            again = replay(database, ErasureFile(home.erasure_log))
            forget_points(database)
        finally:
            database.close()
    return again
