"""Migrations: roles, repeated and concurrent runs, refusal of a stale schema, and row-level security in the result."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import psycopg
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from app.context import StaleSchemaError, open_database
from app.domain.scope import ProjectScope, UserScope
from app.settings import Settings
from app.storage.db import Database
from app.storage.migrate import migrate
from app.storage.revision import MIGRATIONS, current_revision, head_revision, schema_is_current
from tests.support.private import private_database


@pytest.fixture
def empty(postgres):
    """A fresh database in the same cluster: (owner DSN, application DSN)."""
    with private_database(postgres, migrated=False) as private:
        yield private.owner_dsn, private.app_dsn


def opened(dsn):
    database = Database(dsn, size=2)
    database.open()
    return database


def test_many_at_once_migrate_once(empty, postgres):
    owner, app = empty
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: migrate(owner, postgres.app_password), range(4)))
    database = opened(app)
    with database.transaction(None) as conn:
        assert schema_is_current(conn)
        assert current_revision(conn) == head_revision()
    database.close()


def test_the_newest_file_is_the_head_that_alembic_sees():
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == head_revision()


def test_everything_belongs_to_the_owner_who_cannot_log_in(empty, postgres):
    owner, app = empty
    migrate(owner, postgres.app_password)
    with psycopg.connect(owner) as conn:
        owners = conn.execute("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'").fetchall()
        roles = conn.execute(
            "SELECT rolname, rolcanlogin, rolbypassrls, rolsuper FROM pg_roles"
            " WHERE rolname IN ('mneme_app', 'mneme_owner') ORDER BY 1"
        ).fetchall()
        bare = conn.execute(
            "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'project_id'"
            " WHERE c.relkind = 'r' AND NOT (c.relrowsecurity AND c.relforcerowsecurity)"
        ).fetchall()
    assert owners == [("mneme_owner",)]
    assert roles == [("mneme_app", True, False, False), ("mneme_owner", False, True, False)]
    assert bare == []
    with psycopg.connect(app) as conn, pytest.raises(psycopg.errors.InsufficientPrivilege):
        conn.execute("UPDATE alembic_version SET version_num = 'x'")


def test_a_stale_schema_is_refused(empty, postgres):
    owner, app = empty
    migrate(owner, postgres.app_password)
    with psycopg.connect(owner) as conn:
        conn.execute("UPDATE alembic_version SET version_num = 'older'")
    with pytest.raises(StaleSchemaError, match="mneme migrate"):
        open_database(Settings(database_url=app))


def test_an_empty_database_is_refused(empty, postgres):
    with pytest.raises(StaleSchemaError, match="mneme migrate"):
        open_database(Settings(database_url=empty[1]))


def test_row_security_holds_without_any_filter(database, project):
    other = ProjectScope(uuid4())
    with database.transaction(other) as conn:
        conn.execute("INSERT INTO projects (id, name) VALUES (%s, 'other')", (other.project_id,))
    for user in ("ann", "bob"):
        with database.transaction(UserScope(project.project_id, user)) as conn:
            conn.execute(
                "INSERT INTO sessions (project_id, user_id, session_id, first_at, last_at)"
                " VALUES (%s, %s, 's', now(), now())",
                (project.project_id, user),
            )
    seen = "SELECT user_id FROM sessions ORDER BY user_id"
    with database.transaction(project) as conn:
        assert [row["user_id"] for row in conn.execute(seen)] == ["ann", "bob"]
    with database.transaction(UserScope(project.project_id, "ann")) as conn:
        assert [row["user_id"] for row in conn.execute(seen)] == ["ann"]
    with database.transaction(UserScope(other.project_id, "ann")) as conn:
        assert conn.execute(seen).fetchall() == []
    with database.transaction(None) as conn:  # a connection that had a scope before
        assert conn.execute(seen).fetchall() == []
    with (
        pytest.raises(psycopg.errors.InsufficientPrivilege),
        database.transaction(UserScope(project.project_id, "ann")) as conn,
    ):
        conn.execute(
            "INSERT INTO sessions (project_id, user_id, session_id, first_at, last_at)"
            " VALUES (%s, 'bob', 't', now(), now())",
            (project.project_id,),
        )
