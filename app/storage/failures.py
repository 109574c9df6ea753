"""Which database errors mean "not now": the edges answer them with 503, workers try again."""

import psycopg
from psycopg_pool import PoolClosed, PoolTimeout, TooManyRequests

# OperationalError covers lost connections, timeouts, deadlocks and serialisation failures.
UNAVAILABLE: tuple[type[Exception], ...] = (
    PoolTimeout,
    PoolClosed,
    TooManyRequests,
    psycopg.OperationalError,
)

# A connection that broke in the middle of a transaction also shows as one of these.
TRANSIENT: tuple[type[Exception], ...] = (
    *UNAVAILABLE,
    psycopg.InterfaceError,
    psycopg.errors.IdleInTransactionSessionTimeout,
    psycopg.errors.InFailedSqlTransaction,
)


# Anything that a statement or its connection can end in: for what may be given up, whatever the reason.
ANY_FAILURE: tuple[type[Exception], ...] = (*UNAVAILABLE, psycopg.Error)


def is_transient(error: BaseException) -> bool:
    """Whether the database was at fault and not the statement; one that ran into its timeout will do so again."""
    return isinstance(error, TRANSIENT) and not isinstance(error, psycopg.errors.QueryCanceled)
