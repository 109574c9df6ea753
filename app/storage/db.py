"""Connections: a pool, and a transaction that carries its scope. Edges (http, workers, cli) open one, nobody else."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

from app.domain.scope import Scope, UserScope

Row = dict[str, Any]
Connection = psycopg.Connection[Row]

SET_SCOPE = (
    "SELECT set_config('mneme.project', %s, true), set_config('mneme.user', %s, true),"
    " set_config('mneme.all_users', %s, true)"
)
# The statements of a recall look up rows by keys: their plans do not depend on which, and planning one for each set of
# ids takes as long as reading ten rows.
PLAN_ONCE = f"{SET_SCOPE}, set_config('plan_cache_mode', 'force_generic_plan', true)"


class Database:
    """A pool of connections as role mneme_app. Rows come back as dicts.

    `statement_timeout` is milliseconds for every statement; `wait` is how many seconds a caller waits for a free
    connection before psycopg_pool.PoolTimeout (which the edges answer with 503 and Retry-After).
    """

    def __init__(self, dsn: str, *, size: int = 12, wait: float = 5.0, statement_timeout: int = 60_000) -> None:
        options = (
            f"-c statement_timeout={statement_timeout} -c idle_in_transaction_session_timeout=60000 -c timezone=UTC"
        )
        self.dsn = dsn
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            dsn,
            min_size=1,
            max_size=size,
            timeout=wait,
            open=False,
            check=ConnectionPool.check_connection,
            kwargs={"row_factory": dict_row, "options": options, "application_name": "mneme"},
        )

    def open(self, *, wait: float = 10.0) -> None:
        """Open the pool and wait until it has a connection; raises psycopg_pool.PoolTimeout."""
        self._pool.open(wait=True, timeout=wait)

    def close(self) -> None:
        self._pool.close()

    @contextmanager
    def transaction(self, scope: Scope | None, *, plan_once: bool = False) -> Iterator[Connection]:
        """One transaction under row-level security for `scope`; commits at the end, rolls back on any exception.

        A ProjectScope sees all users of the project, a UserScope one user, None no row of anybody (for the
        SECURITY DEFINER functions and the tables without user data). With `plan_once` a prepared statement keeps its
        plan whatever its values are.
        """
        with self._pool.connection() as connection:
            set_scope(connection, scope, PLAN_ONCE if plan_once else SET_SCOPE)
            yield connection

    @contextmanager
    def snapshot(self, scope: Scope) -> Iterator[Connection]:
        """A transaction that only reads, and sees the database as it was at its first statement until its end."""
        with self._pool.connection() as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            try:
                with connection.transaction():
                    set_scope(connection, scope)
                    yield connection
            finally:
                if not connection.closed:
                    connection.isolation_level = connection.read_only = None

    def vacuum(self, tables: Sequence[str]) -> bool:
        """Give back the space of deleted rows of these tables; False where the role may not or somebody is in the way.
        What autovacuum would do later.
        """
        with self._pool.connection() as connection:
            connection.autocommit = True
            try:
                for table in tables:
                    connection.execute(f"VACUUM (SKIP_LOCKED) {table}")
            except (psycopg.errors.InsufficientPrivilege, psycopg.errors.QueryCanceled):
                return False
            finally:
                connection.autocommit = False
        return True


def set_scope(connection: Connection, scope: Scope | None, statement: LiteralString = SET_SCOPE) -> None:
    """Bind the running transaction to `scope`; the setting ends with the transaction."""
    project = str(scope.project_id) if scope else ""
    user = scope.user_id if isinstance(scope, UserScope) else ""
    everyone = "on" if scope is not None and not isinstance(scope, UserScope) else "off"
    connection.execute(statement, (project, user, everyone))


@contextmanager
def widened(connection: Connection) -> Iterator[None]:
    """All users of the project for the time of the block: to note work that belongs to the project beside what a
    transaction of one user does.
    """
    row = connection.execute(
        "SELECT current_setting('mneme.user', true) AS person, current_setting('mneme.all_users', true) AS everyone"
    ).fetchone() or {"person": "", "everyone": "off"}
    connection.execute("SELECT set_config('mneme.user', '', true), set_config('mneme.all_users', 'on', true)")
    yield
    connection.execute(
        "SELECT set_config('mneme.user', %s, true), set_config('mneme.all_users', %s, true)",
        (row["person"], row["everyone"]),
    )
