"""Schedules: when each kind of maintenance is due next. Taking a run moves its row on, so two takers never meet."""

from collections.abc import Mapping, Sequence

from app.storage.db import Connection


def ensure(conn: Connection, schedules: Mapping[str, int]) -> None:
    """Make rows for these names (every so many seconds); a new one is first due one period from now."""
    for name, seconds in sorted(schedules.items()):
        conn.execute(
            "INSERT INTO schedules AS s (name, every_seconds, next_run_at)"
            " VALUES (%s, %s, now() + make_interval(secs => %s))"
            " ON CONFLICT (name) DO UPDATE SET every_seconds = excluded.every_seconds"
            " WHERE s.every_seconds <> excluded.every_seconds",
            (name, seconds, seconds),
        )


def take(conn: Connection, names: Sequence[str], *, overdue: float = 0.0) -> str | None:
    """Take one run that is due (for `overdue` seconds at least) and move the row on; None when nothing is."""
    row = conn.execute(
        "UPDATE schedules SET last_run_at = now(), next_run_at = now() + make_interval(secs => every_seconds)"
        " WHERE name = (SELECT name FROM schedules WHERE name = ANY (%s)"
        " AND next_run_at <= now() - make_interval(secs => %s) ORDER BY next_run_at LIMIT 1 FOR UPDATE SKIP LOCKED)"
        " RETURNING name",
        (list(names), overdue),
    ).fetchone()
    return row["name"] if row else None


def next_in(conn: Connection) -> float | None:
    """Seconds until the next run of any schedule is due; None when there is none."""
    row = conn.execute(
        "SELECT extract(epoch FROM min(next_run_at) - now())::double precision AS s FROM schedules"
    ).fetchone()
    return row["s"] if row else None
