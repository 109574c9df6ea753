"""The first project and its admin key. The embedded stack keeps the key in MNEME_HOME/api_key."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from app.clock import new_id, utc_now
from app.domain.access import KeyScope
from app.domain.scope import ProjectScope
from app.embedded.home import Home, write_private
from app.services import keys as key_service
from app.services.keys import KeyOrder
from app.storage import bootstrap, keys
from app.storage.db import Connection, Database
from app.storage.revision import schema_is_current

FORM = re.compile(r"mneme_([A-Za-z0-9]+)_[A-Za-z0-9]+", re.ASCII)


def ensure_key(home: Home, admin_dsn: str) -> bool:
    """Make sure that the key in the home's file is one of this database; true when it was made just now.

    The file is written inside the transaction: a start killed in between leaves a file whose key is unknown, and the
    next start makes another.
    """
    with _transaction(admin_dsn) as conn:
        match = FORM.fullmatch(home.key_file.read_text().strip()) if home.key_file.exists() else None
        if match is not None and keys.find(conn, match[1]) is not None:
            return False
        write_private(home.key_file, _create(conn) + "\n")
    return True


def is_migrated(admin_dsn: str) -> bool:
    """Whether the schema is this code's."""
    with _transaction(admin_dsn) as conn:
        return schema_is_current(conn)


def create_key(admin_dsn: str) -> str:
    """A new admin key of the first project, for a database of one's own (server mode); nobody else keeps it."""
    with _transaction(admin_dsn) as conn:
        return _create(conn)


def _create(conn: Connection) -> str:
    project = ProjectScope(bootstrap.first_project(conn, new_id(), "default"))
    order = KeyOrder("first", frozenset(KeyScope))
    return key_service.create(conn, project, order, utc_now())[1]


@contextmanager
def _transaction(admin_dsn: str) -> Iterator[Connection]:
    """As the migration role, which no row security binds: there is no scope yet."""
    database = Database(admin_dsn, size=1)
    database.open()
    try:
        with database.transaction(None) as conn:
            yield conn
    finally:
        database.close()
