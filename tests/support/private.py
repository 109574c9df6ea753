"""A database of one's own in the shared PostgreSQL: work is claimed over all projects, so tests that run need one."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import uuid4

import psycopg
from psycopg import sql

from tests.support.stack import TEMPLATE, Store


@dataclass(frozen=True)
class PrivateDatabase:
    """`app_dsn` is role mneme_app, `owner_dsn` the superuser."""

    app_dsn: str
    owner_dsn: str


@contextmanager
def private_database(postgres: Store, *, migrated: bool = True) -> Iterator[PrivateDatabase]:
    """A fresh database for the time of the block, migrated as a copy of one that nobody connects to."""
    name = f"t{uuid4().hex}"
    template = TEMPLATE if migrated else "template1"
    with psycopg.connect(postgres.owner_dsn, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)))
    owner = psycopg.conninfo.make_conninfo(postgres.owner_dsn, dbname=name)
    try:
        yield PrivateDatabase(psycopg.conninfo.make_conninfo(postgres.app_dsn, dbname=name), owner)
    finally:
        with psycopg.connect(postgres.owner_dsn, autocommit=True) as admin:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
