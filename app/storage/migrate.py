"""Roles and schema: `migrate` brings a database to the newest revision. Called by `mneme migrate` and tests."""

from typing import LiteralString

import psycopg
import sqlalchemy
from alembic import command
from alembic.config import Config
from psycopg import sql

from app.storage.revision import MIGRATIONS

OWNER = "mneme_owner"
APP = "mneme_app"
LOCK_KEY = 7_305_801_331_002  # any constant; the same for everyone who migrates this database

# Waiting for another migration may take a minute; waiting for a table must not: everybody queues behind it.
TIMEOUTS: tuple[LiteralString, ...] = ("SET LOCAL lock_timeout = '5s'", "SET LOCAL statement_timeout = '300s'")

CREATE_ROLE = """
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {literal}) THEN
        CREATE ROLE {role} {options};
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;  -- made meanwhile from another database of the cluster
END $$
"""


def migrate(migration_dsn: str, app_password: str) -> None:
    """Create the roles if missing and run all new revisions, in one transaction under an advisory lock.

    `migration_dsn` is a role that may create roles. The objects belong to mneme_owner; mneme_app gets `app_password`.
    """
    engine = sqlalchemy.create_engine(
        "postgresql+psycopg://",
        creator=lambda: psycopg.connect(migration_dsn, application_name="mneme-migrate"),
        poolclass=sqlalchemy.NullPool,
    )
    with engine.begin() as connection:
        driver = connection.connection.driver_connection
        if not isinstance(driver, psycopg.Connection):
            raise TypeError("the psycopg dialect is needed")
        _prepare(driver, app_password)
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        driver.execute(f"REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM {APP}")
        driver.execute(f"GRANT SELECT ON alembic_version TO {APP}")
    engine.dispose()


def prepare_roles(migration_dsn: str, app_password: str) -> None:
    """The roles alone, for a dump that is to be loaded; `migrate` follows it."""
    with psycopg.connect(migration_dsn, application_name="mneme-restore") as driver:
        _prepare(driver, app_password)


def _prepare(driver: psycopg.Connection[tuple[object, ...]], app_password: str) -> None:
    driver.execute("SET LOCAL lock_timeout = '60s'")
    driver.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK_KEY,))
    for statement in TIMEOUTS:
        driver.execute(statement)
    for name, options in ((OWNER, "NOLOGIN BYPASSRLS"), (APP, "LOGIN NOBYPASSRLS")):
        values = {"literal": sql.Literal(name), "role": sql.Identifier(name), "options": sql.SQL(options)}
        driver.execute(sql.SQL(CREATE_ROLE).format(**values))
    driver.execute(
        sql.SQL("ALTER ROLE {role} LOGIN NOBYPASSRLS PASSWORD {password}").format(
            role=sql.Identifier(APP), password=sql.Literal(app_password)
        )
    )
    # Since PostgreSQL 16 the creator of a role may administer it but not act as it without this grant.
    superuser = driver.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
    if superuser != (True,):
        driver.execute(f"GRANT {OWNER} TO CURRENT_USER")
    driver.execute(f"GRANT USAGE, CREATE ON SCHEMA public TO {OWNER}")
    driver.execute(f"SET LOCAL ROLE {OWNER}")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    return config
