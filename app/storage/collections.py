"""Rows about the index's collections: which one is live, which one a rebuild is filling. No user data, so no scope."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.storage.db import Connection


class CollectionState(StrEnum):
    BUILDING = "building"
    LIVE = "live"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class Collection:
    """One collection; `model` is the fingerprint of the encoder that made its vectors."""

    name: str
    model: str
    dimension: int
    state: CollectionState


def all_collections(conn: Connection) -> list[Collection]:
    """Every known collection, the oldest first."""
    rows = conn.execute(
        "SELECT name, model, dimension, state FROM index_collections ORDER BY created_at, name"
    ).fetchall()
    return [Collection(row["name"], row["model"], row["dimension"], CollectionState(row["state"])) for row in rows]


def live_since(conn: Connection) -> datetime | None:
    """When the live collection was begun: nothing that was gone by then was ever written to it."""
    row = conn.execute("SELECT created_at FROM index_collections WHERE state = 'live'").fetchone()
    return row["created_at"] if row else None


def add_live(conn: Connection, name: str, model: str, dimension: int) -> None:
    """Make `name` the live collection, unless there is one already (another process was first)."""
    conn.execute(
        "INSERT INTO index_collections (name, model, dimension, state) VALUES (%s, %s, %s, 'live')"
        " ON CONFLICT DO NOTHING",
        (name, model, dimension),
    )


def add_building(conn: Connection, name: str, model: str, dimension: int) -> None:
    """Note a collection that a rebuild will fill; the index stage writes to it from now on too."""
    conn.execute(
        "INSERT INTO index_collections (name, model, dimension, state) VALUES (%s, %s, %s, 'building')"
        " ON CONFLICT (name) DO NOTHING",
        (name, model, dimension),
    )


def swap_live(conn: Connection, name: str) -> None:
    """Make the filled collection live and retire the one that was, in the caller's transaction."""
    conn.execute("UPDATE index_collections SET state = 'retired' WHERE state = 'live' AND name <> %s", (name,))
    conn.execute("UPDATE index_collections SET state = 'live' WHERE name = %s", (name,))


def retire(conn: Connection, name: str) -> None:
    """Give up a collection; maintenance drops it."""
    conn.execute("UPDATE index_collections SET state = 'retired' WHERE name = %s AND state <> 'live'", (name,))


def forget(conn: Connection, name: str) -> None:
    """Remove the row of a dropped collection."""
    conn.execute("DELETE FROM index_collections WHERE name = %s AND state = 'retired'", (name,))
