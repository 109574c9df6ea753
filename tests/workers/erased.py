"""Erasures in the pipeline of `tests/workers`: ordering them, settling, and looking for what is left."""

from datetime import timedelta
from uuid import UUID

from app.domain.erasure import TargetKind
from app.domain.policy import DEFAULT
from app.services import erasures, policy
from app.storage.db import Database
from tests.support.erasing import KEY, order
from tests.workers.conftest import START, Pipeline

CANARY = "Quetzalnabu7391"


def everything(private) -> dict[str, str]:
    """Every table as text."""
    owner = Database(private.owner_dsn, size=1)
    owner.open()
    try:
        with owner.transaction(None) as conn:
            tables = conn.execute("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace ="
                                  " 'public'::regnamespace ORDER BY 1").fetchall()  # fmt: skip
            return {
                t["relname"]: str(
                    conn.execute(
                        f"SELECT coalesce(string_agg(x::text, ' '), '') AS s FROM {t['relname']} x"
                    ).fetchone()["s"]
                )
                for t in tables
            }
    finally:
        owner.close()


def tables_with(private, words: str) -> set[str]:
    return {table for table, text in everything(private).items() if words.casefold() in text.casefold()}


def erase_user(pipeline: Pipeline, user: str = "ann"):
    with pipeline.db.transaction(pipeline.user(user)) as conn:
        return erasures.user(conn, pipeline.user(user), order(TargetKind.USER, user), KEY)


def erase_event(pipeline: Pipeline, event_id: UUID, *, derived_only: bool = False):
    with pipeline.db.transaction(pipeline.user()) as conn:
        asked = order(TargetKind.EVENT, event_id, derived_only=derived_only)
        return erasures.event(conn, pipeline.project, event_id, asked, KEY)


def erase_memory(pipeline: Pipeline, memory_id: UUID):
    with pipeline.db.transaction(pipeline.user()) as conn:
        return erasures.memory(conn, pipeline.user(), memory_id, order(TargetKind.MEMORY, memory_id), KEY)


def verify(pipeline: Pipeline, receipt, user: str = "ann") -> dict[str, int]:
    with pipeline.db.transaction(pipeline.user(user)) as conn:
        return erasures.verify(conn, pipeline.user(user), receipt).found


def texts(pipeline: Pipeline, status: str = "active") -> list[str]:
    rows = pipeline.rows("SELECT text FROM memories WHERE status = %s ORDER BY text", values=(status,))
    return [row["text"] for row in rows]


def settle(pipeline: Pipeline) -> None:
    """Run everything but the rewrite of the index, which waits two seconds for readers of the old one."""
    pipeline.run()
    with pipeline.db.transaction(pipeline.project) as conn:
        conn.execute("UPDATE work SET run_after = now() WHERE kind <> 'rewrite'")
    pipeline.run()


def no_rest(pipeline: Pipeline) -> None:
    """Rewrites of the index follow at once."""
    body = DEFAULT.model_dump(mode="json")
    body["forgetting"] |= {"rewrite_quiet": 0.0, "rewrite_at_most": 0.0}
    with pipeline.db.transaction(pipeline.project) as conn:
        policy.put(conn, pipeline.project, None, body)


def texts_of(pipeline: Pipeline, user: str) -> list[str]:
    return [row["text"] for row in pipeline.rows("SELECT text FROM memories WHERE status = 'active'", user)]


def later(days: int):

    return START + timedelta(days=days)


def holds(directory, needle: bytes) -> bool:
    return any(needle in file.read_bytes() for file in directory.rglob("*") if file.is_file())
