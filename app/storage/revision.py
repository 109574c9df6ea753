"""At which revision a database is, and at which this code: what every process asks at its start. Loads no Alembic,
which costs a process a third of a second and 25 MB; `app.storage.migrate` does the migrating.
"""

import re
from functools import cache
from pathlib import Path

from app.storage.db import Connection

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"
REVISION = re.compile(r'^revision = "([^"]+)"$', re.MULTILINE)


@cache
def head_revision() -> str:
    """The newest revision that this code knows: files are numbered in their order (a test compares with Alembic)."""
    newest = max((MIGRATIONS / "versions").glob("[0-9]*.py"), key=lambda file: file.name)
    match = REVISION.search(newest.read_text())
    if match is None:
        raise RuntimeError(f"{newest} names no revision")
    return match[1]


def current_revision(conn: Connection) -> str | None:
    """The revision that the database is at; None for a database that was never migrated."""
    row = conn.execute("SELECT to_regclass('public.alembic_version') IS NOT NULL AS found").fetchone()
    if row is None or not row["found"]:
        return None
    version = conn.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(version["version_num"]) if version else None


def schema_is_current(conn: Connection) -> bool:
    """Whether this code and this database belong together; api and worker refuse to start otherwise."""
    return current_revision(conn) == head_revision()
