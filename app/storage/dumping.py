"""What a backup has to know of a database: a view of it that the dump shares, its revision, the rows of each table."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from app.storage.revision import current_revision

TABLES = """
SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY relname
"""


@dataclass(frozen=True, slots=True)
class View:
    """A snapshot that stays as it is while the block lasts; `snapshot` is its name for other connections."""

    snapshot: str
    revision: str
    rows: dict[str, int]


@contextmanager
def view(owner_dsn: str) -> Iterator[View]:
    """The database as it is now, for the time of the block; as a role that sees all rows."""
    with psycopg.connect(owner_dsn, row_factory=dict_row) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        row = connection.execute("SELECT pg_export_snapshot() AS name").fetchone()
        assert row is not None  # noqa: S101 - a SELECT without FROM has one row
        yield View(row["name"], current_revision(connection) or "", _counts(connection))


def counts(owner_dsn: str) -> dict[str, int]:
    """Rows by table, now."""
    with psycopg.connect(owner_dsn, row_factory=dict_row) as connection:
        return _counts(connection)


def _counts(connection: psycopg.Connection[dict[str, object]]) -> dict[str, int]:
    found = {}
    for table in connection.execute(TABLES).fetchall():
        name = str(table["name"])
        row = connection.execute(sql.SQL("SELECT count(*) AS n FROM {}").format(sql.Identifier(name))).fetchone()
        found[name] = int(str(row["n"])) if row else 0
    return found
