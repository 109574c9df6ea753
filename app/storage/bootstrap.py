"""The first project of an embedded instance. Runs before any scope exists, on the migration role's connection."""

from uuid import UUID

from app.storage.db import Connection


def first_project(conn: Connection, new_id: UUID, name: str) -> UUID:
    """The oldest project that no other project made; inserted as `new_id` when there is none."""
    found = conn.execute(
        "SELECT id FROM projects WHERE owner_project_id IS NULL ORDER BY created_at, id LIMIT 1"
    ).fetchone()
    if found is not None:
        return UUID(str(found["id"]))
    conn.execute("INSERT INTO projects (id, name) VALUES (%s, %s)", (new_id, name))
    return new_id
