"""Blocks: lists of memory ids by user or session. What is read of them are the words that the memories have now; a line
whose memory is no longer active is not there.
"""

from collections.abc import Mapping, Sequence
from itertools import groupby

from psycopg.types.json import Jsonb

from app.domain.blocks import BlockKey, BlockLine, ShownBlock, ShownLine
from app.domain.scope import UserScope
from app.storage import memories
from app.storage.db import Connection

UPSERT = """
INSERT INTO blocks (project_id, user_id, session_id, kind, text, lines)
VALUES (%(project)s, %(user)s, %(session)s, %(kind)s, '', %(lines)s)
ON CONFLICT (project_id, user_id, session_id, kind) DO UPDATE SET
    lines = excluded.lines, version = blocks.version + 1, updated_at = now()
WHERE blocks.lines <> excluded.lines
"""
# The date that a memory speaks of, as a local calendar value.
DATE = (
    "coalesce(m.event_time, m.valid_from,"
    " to_char((m.occurred_at AT TIME ZONE 'UTC') + make_interval(secs => m.utc_offset), 'YYYY-MM-DD'))"
)
LINES = f"""
SELECT b.session_id, b.kind, b.version, b.updated_at, l.line ->> 'theme' AS theme, m.id, m.text, {DATE} AS date
FROM blocks b CROSS JOIN LATERAL jsonb_array_elements(b.lines) WITH ORDINALITY AS l (line, place)
JOIN memories m ON m.id = (l.line ->> 'memory_id')::uuid AND m.project_id = b.project_id AND m.user_id = b.user_id
    AND m.status = 'active'
WHERE b.project_id = %(project)s AND b.user_id = %(user)s
"""


def replace(conn: Connection, scope: UserScope, lines: Mapping[BlockKey, Sequence[BlockLine]]) -> None:
    """Make these the user's blocks. One whose lines are the same keeps its version; the rest go."""
    whose = {"project": scope.project_id, "user": scope.user_id}
    keys = sorted(lines, key=lambda key: (key.session_id, key.name))
    conn.execute(
        "DELETE FROM blocks WHERE project_id = %(project)s AND user_id = %(user)s AND (session_id, kind) NOT IN"
        " (SELECT * FROM unnest(%(sessions)s::text[], %(kinds)s::text[]))",
        whose | {"sessions": [k.session_id for k in keys], "kinds": [k.name for k in keys]},
    )
    with conn.cursor() as cursor:
        cursor.executemany(
            UPSERT,
            [
                whose
                | {
                    "session": key.session_id,
                    "kind": key.name,
                    "lines": Jsonb([{"memory_id": str(x.memory_id), "theme": x.theme} for x in lines[key]]),
                }
                for key in keys
            ],
        )


def in_context(
    conn: Connection, scope: UserScope, session_id: str | None, *, user_summary: bool = False
) -> list[ShownBlock]:
    """The profile of the user and the summary of the session, with `user_summary` also that of the user, as far as
    there are lines.
    """
    condition = (
        " AND ((b.session_id = '' AND b.kind = ANY (%(own)s))"
        " OR (b.session_id = %(session)s AND b.session_id <> '' AND b.kind = 'summary'))"
    )
    own = ["profile", "summary"] if user_summary else ["profile"]
    return _shown(conn, scope, condition, {"session": session_id or "", "own": own})


def summary(conn: Connection, scope: UserScope, session_id: str) -> str | None:
    """The text of a session's summary, once there is one."""
    found = _shown(conn, scope, " AND b.session_id = %(session)s AND b.kind = 'summary'", {"session": session_id})
    return found[0].text if found else None


def page(
    conn: Connection, scope: UserScope, *, after: tuple[str, str] | None = None, limit: int = 50
) -> list[ShownBlock]:
    """Blocks by session and kind, those of the whole user first, with the sources of each line."""
    condition = (
        " AND (b.session_id, b.kind) IN (SELECT session_id, kind FROM blocks"
        " WHERE project_id = %(project)s AND user_id = %(user)s"
        " AND (%(session)s::text IS NULL OR (session_id, kind) > (%(session)s, %(kind)s))"
        " ORDER BY session_id, kind LIMIT %(limit)s)"
    )
    values = {"session": after[0] if after else None, "kind": after[1] if after else None, "limit": limit}
    return _shown(conn, scope, condition, values, with_sources=True)


def _shown(
    conn: Connection, scope: UserScope, condition: str, values: Mapping[str, object], *, with_sources: bool = False
) -> list[ShownBlock]:
    rows = conn.execute(
        f"{LINES}{condition} ORDER BY b.session_id, b.kind, l.place",
        {"project": scope.project_id, "user": scope.user_id, **values},
    ).fetchall()
    of = memories.sources(conn, scope, [row["id"] for row in rows]) if with_sources else {}
    found = []
    for (session_id, kind), group in groupby(rows, key=lambda row: (row["session_id"], row["kind"])):
        of_block = list(group)
        lines = tuple(
            ShownLine(row["id"], row["theme"] or "", row["text"], row["date"], tuple(of.get(row["id"], ())))
            for row in of_block
        )
        key = BlockKey.of(session_id, kind)
        found.append(ShownBlock(key, of_block[0]["version"], of_block[0]["updated_at"], lines))
    return found
