"""Fixtures on the real stores and the real encoder, started once a run and only when a test asks for them."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from app.domain.scope import ProjectScope
from app.embedded.valkey import Valkey
from app.storage.db import Database
from tests.support.stack import Store, running_postgres, running_valkey


@pytest.fixture(scope="session")
def postgres() -> Iterator[Store]:
    """PostgreSQL, migrated: `app_dsn` (role mneme_app), `owner_dsn` (superuser), `app_password`."""
    with running_postgres() as store:
        yield store


@pytest.fixture(scope="session")
def database(postgres: Store) -> Iterator[Database]:
    """A pool as mneme_app."""
    database = Database(postgres.app_dsn, size=10)
    database.open()
    yield database
    database.close()


@pytest.fixture(scope="session")
def owner_database(postgres: Store) -> Iterator[Database]:
    """A pool past row security, to look at everything."""
    database = Database(postgres.owner_dsn, size=2)
    database.open()
    yield database
    database.close()


@pytest.fixture
def project(database: Database) -> ProjectScope:
    """A fresh project, so that tests never meet each other's rows."""
    scope = ProjectScope(uuid4())
    with database.transaction(scope) as connection:
        connection.execute("INSERT INTO projects (id, name) VALUES (%s, 'test')", (scope.project_id,))
    return scope


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[Valkey]:
    """A running Valkey, for tests that stop and start it."""
    with running_valkey() as server:
        yield server


@pytest.fixture(scope="session")
def valkey(valkey_server: Valkey) -> str:
    """Its URL, as REDIS_URL."""
    return valkey_server.url
