"""Lines of a cube that are rows here already, for a dry run: by every unique index of their table, as an insert finds
them. Called by `services/cube_import`.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson

from app.domain.cube_check import Column
from app.domain.cubes import LineKind
from app.domain.scope import UserScope
from app.storage.cube_rows import row_of
from app.storage.db import Connection

# The one partial unique index (active memories by their text) is what `conflict` decides about, so it is left out.
UNIQUE = """
SELECT array_agg(a.attname::text ORDER BY a.attnum) AS columns FROM pg_index i
JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
WHERE i.indrelid = %s::regclass AND i.indisunique AND i.indpred IS NULL AND i.indexprs IS NULL GROUP BY i.indexrelid
"""
# The entity or turn of the target that is as good as the one of the line.
TWINS = {
    "memory_entity": (
        "entity_id",
        (
            "(SELECT e.id FROM entities e WHERE e.project_id = %(project)s AND e.user_id = %(user)s"
            " AND e.normalised = o.normalised AND e.kind = o.kind)"
        ),
        "normalised text, kind text",
    ),
    "source": (
        "event_id",
        (
            "(SELECT e.id FROM events e WHERE e.project_id = %(project)s AND e.user_id = %(user)s"
            " AND e.session_id = o.session_id AND e.client_id = o.client_id)"
        ),
        "session_id text, client_id text",
    ),
}


def count(
    conn: Connection, scope: UserScope, kind: LineKind, fields: Mapping[str, Column], lines: Sequence[Mapping[str, Any]]
) -> int:
    """How many of the lines an insert would find there."""
    if not lines:
        return 0
    rows = [row_of(scope, kind, fields, tuple(name for name in fields if name in line), line) for line in lines]
    keys = [row["columns"] for row in conn.execute(UNIQUE, (kind.table,)).fetchall()]
    column, twin, extra = TWINS.get(kind.name, ("", "", ""))
    source = f"ROWS FROM (json_populate_recordset(NULL::{kind.table}, %(rows)s::json)) WITH ORDINALITY AS x"
    if extra:
        source += f" JOIN ROWS FROM (json_to_recordset(%(rows)s::json) AS ({extra})) WITH ORDINALITY AS o"
        source += " USING (ordinality)"
    met = " OR ".join(
        f"EXISTS (SELECT 1 FROM {kind.table} t WHERE {_equal(key, column, twin)}"
        " AND t.project_id = %(project)s AND t.user_id = %(user)s)"
        for key in keys
    )
    values = {"project": scope.project_id, "user": scope.user_id, "rows": orjson.dumps(rows).decode()}
    found = conn.execute(f"SELECT count(*) AS n FROM {source} WHERE {met}", values).fetchone()
    assert found is not None  # noqa: S101 - count(*)
    return int(found["n"])


def _equal(key: Sequence[str], column: str, twin: str) -> str:
    """A row of the index's columns as the line has them, or as its twin has."""
    return " AND ".join(
        f't."{name}" IN (x."{name}", {twin})' if name == column else f't."{name}" = x."{name}"' for name in key
    )


def left_out(
    conn: Connection, scope: UserScope, job_id: UUID | None, ids: Sequence[str], noted: Sequence[str]
) -> set[str]:
    """Those of these memories that are not here and that the dry run skips, as it has `noted` by now or as an item of
    the job: what hangs on them stays out, too.
    """
    rows = conn.execute(
        "SELECT x.id FROM unnest(%(ids)s::text[]) AS x (id) WHERE (x.id = ANY (%(noted)s) OR EXISTS (SELECT 1"
        " FROM job_items i WHERE i.project_id = %(project)s AND i.job_id = %(job)s AND i.action = 'skipped'"
        " AND i.target_id = x.id)) AND NOT EXISTS (SELECT 1 FROM memories m WHERE m.id = x.id::uuid"
        " AND m.project_id = %(project)s AND m.user_id = %(user)s)",
        {
            "project": scope.project_id,
            "user": scope.user_id,
            "job": job_id,
            "ids": list(ids),
            "noted": list(noted),
        },
    ).fetchall()
    return {row["id"] for row in rows}
