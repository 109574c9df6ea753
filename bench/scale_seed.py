"""Users with turns and memories, straight into the tables and the index of an embedded instance that is stopped: only
so may another process open its index. Used by the scale run.
"""

import hashlib
import os
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import psycopg
import uuid6
from rich.progress import track

from app.domain.lexical import TEXT_LENGTH, WINDOW_LENGTH, document_vector
from app.domain.scope import UserScope
from app.domain.sparse import SparseVector
from app.embedded import stopping
from app.embedded.home import Home
from app.embedded.postgres import ADMIN, Postgres
from app.index import edge
from app.index.edge import EdgeIndex
from app.index.protocol import IndexPoint, PointKind
from bench.latency import NAMES, turn
from bench.seed import Target, find_target

SESSION = 25  # turns
MEMORY_EVERY = 10  # turns
PROFILE_LINES = 25  # the default of the policy
TOGETHER = 100  # users whose turns lie interleaved in the tables, as they do in a service that all of them use at once
SPEAKERS = (("Anna", "user"), ("Ben", "assistant"))
BEGIN = datetime(2025, 1, 6, 9, tzinfo=UTC)
# Quick to fill, lost with a power cut: this store is measured and thrown away.
FILLING = {"fsync": "off", "full_page_writes": "off", "max_wal_size": "8GB", "autovacuum": "off"}
FLUSH_EVERY = 50_000  # points; the service flushes every 250, which takes a third of the time here

COLUMNS = {  # table: column and type of what is copied
    "events": "id uuid, project_id uuid, user_id text, session_id text, client_id text, role text, name text,"
    " content text, occurred_at timestamptz, utc_offset int4, metadata json, content_hash bytea, state text,"
    " extracted_at timestamptz, consolidated_at timestamptz, processed_at timestamptz, version int4,"
    " indexed_version int4, place int4",
    "memories": "id uuid, project_id uuid, user_id text, session_id text, type text, text text, text_hash bytea,"
    " occurred_at timestamptz, live_from timestamptz, indexed_version int4",
    "memory_sources": "memory_id uuid, event_id uuid, project_id uuid, user_id text",
    "vectors": "target_id uuid, model text, kind text, project_id uuid, user_id text, dimension int4, dense bytea,"
    " sparse bytea, sparse_window bytea",
    "entities": "id uuid, project_id uuid, user_id text, name text, normalised text, kind text",
    "memory_entities": "memory_id uuid, entity_id uuid, project_id uuid, user_id text",
    "sessions": "project_id uuid, user_id text, session_id text, events int8, first_at timestamptz,"
    " last_at timestamptz",
    "speakers": "project_id uuid, user_id text, name text, role text",
    "blocks": "project_id uuid, user_id text, kind text, text text, lines jsonb",
}
CHANGED = (  # what the triggers of the tables would have noted
    "INSERT INTO user_versions SELECT %s, u, pg_current_xact_id() FROM unnest(%s::text[]) AS u"
)

Rows = dict[str, list[tuple[Any, ...]]]


@dataclass(frozen=True)
class Said:
    """One turn of the pool, with its words counted."""

    content: str
    digest: bytes
    text: SparseVector
    window: SparseVector
    stored_text: bytes
    stored_window: bytes


@dataclass
class Person:
    """One user's rows and points. `rows` of events and vectors are in the order of the turns."""

    scope: UserScope
    rows: Rows = field(default_factory=lambda: {table: [] for table in COLUMNS})
    points: list[IndexPoint] = field(default_factory=list)


def pool(turns: int, seed: int = 7) -> list[list[Said]]:
    """Sessions of distinct turns, `turns` in all at least; users are made of them, none takes one twice."""
    rng = random.Random(seed)
    texts: dict[str, None] = {}
    while len(texts) < turns or len(texts) % SESSION:
        texts[turn(rng)] = None
    every = list(texts)
    return [_session(every[start : start + SESSION]) for start in range(0, len(every), SESSION)]


def _session(texts: Sequence[str]) -> list[Said]:
    said = []
    for place, content in enumerate(texts):
        words = document_vector(content, TEXT_LENGTH)
        window = document_vector("\n".join(texts[max(0, place - 1) : place + 2]), WINDOW_LENGTH)
        digest = hashlib.sha256(content.encode()).digest()
        said.append(Said(content, digest, words, window, words.to_bytes(), window.to_bytes()))
    return said


class Store:
    """Tables and index of a stopped instance; get one from `opened`."""

    def __init__(self, connection: psycopg.Connection, index: EdgeIndex, said: list[list[Said]], seed: int) -> None:
        self._connection = connection
        self._index = index
        self._pool = said
        self._rng = np.random.default_rng(seed)
        self._target = find_target(connection)
        row = connection.execute("SELECT name FROM index_collections WHERE state = 'live'").fetchone()
        connection.rollback()
        assert row is not None
        self._collection: str = row[0]

    def add(self, users: Sequence[tuple[str, int]], what: str) -> None:
        """Write these users with so many turns each; then statistics as the server's own upkeep makes them."""
        starts = range(0, len(users), TOGETHER)
        for start in track(starts, what):
            people = [self._person(name, turns) for name, turns in users[start : start + TOGETHER]]
            self._copy(people)
            for person in people:
                self._index.upsert(self._collection, person.scope, person.points)
        self._connection.autocommit = True
        for table in COLUMNS:
            self._connection.execute(f"VACUUM (ANALYZE) {table}")
        self._connection.execute("CHECKPOINT")
        self._connection.autocommit = False

    def _copy(self, people: Sequence[Person]) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")  # no triggers: `CHANGED` does their work
            for table, columns in COLUMNS.items():
                named = [column.split() for column in columns.split(", ")]
                of_all = [person.rows[table] for person in people]
                with cursor.copy(
                    f"COPY {table} ({', '.join(name for name, _ in named)}) FROM STDIN (FORMAT binary)"
                ) as copy:
                    copy.set_types([type_ for _, type_ in named])
                    for row in _interleaved(of_all):
                        copy.write_row(row)
            cursor.execute(CHANGED, (self._target.project, [person.scope.user_id for person in people]))
        self._connection.commit()

    def _person(self, name: str, turns: int) -> Person:
        project = self._target.project
        person = Person(UserScope(project, name))
        rows = person.rows
        who = {entity: new_id() for entity in NAMES}
        rows["entities"] += [(id_, project, name, entity, entity.lower(), "person") for entity, id_ in who.items()]
        rows["speakers"] += [(project, name, speaker, role) for speaker, role in SPEAKERS]
        dense = iter(self._directions(turns + turns // MEMORY_EVERY))
        lines: list[dict[str, str]] = []
        for number, session in enumerate(self._rng.permutation(len(self._pool))[: -(-turns // SESSION)]):
            said = self._pool[session][: turns - number * SESSION]
            at, of = BEGIN + timedelta(days=number), f"s{number}"
            rows["sessions"].append((project, name, of, len(said), at, at + timedelta(seconds=30 * len(said) - 30)))
            for place, one in enumerate(said):
                moment = at + timedelta(seconds=30 * place)
                event = self._say(person, of, place, one, moment, next(dense))
                if (number * SESSION + place) % MEMORY_EVERY == 0:
                    memory = self._remember(person, of, one, moment, next(dense))
                    rows["memory_sources"].append((memory, event, project, name))
                    rows["memory_entities"].append((memory, who[one.content.split()[0]], project, name))
                    lines.append({"memory_id": str(memory), "theme": "Other facts"})
        rows["blocks"].append((project, name, "profile", "", lines[:PROFILE_LINES]))
        return person

    def _say(  # noqa: PLR0913, PLR0917 - whose, where, what, when
        self, person: Person, session: str, place: int, said: Said, at: datetime, dense: np.ndarray
    ) -> UUID:
        id_, (speaker, role) = new_id(), SPEAKERS[place % 2]
        project, name = person.scope.project_id, person.scope.user_id
        person.rows["events"].append(
            (id_, project, name, session, str(id_), role, speaker, said.content, at, 0, {}, said.digest, "processed",
             at, at, at, 1, 1, place + 1)
        )  # fmt: skip
        self._vector(person, id_, "event", dense, said.stored_text, said.stored_window)
        person.points.append(
            IndexPoint(
                id_, PointKind.EVENT, 1, session, None, None, role, at, at, None,
                dense.astype(np.float32), said.text, said.window,
            )
        )  # fmt: skip
        return id_

    def _remember(self, person: Person, session: str, said: Said, at: datetime, dense: np.ndarray) -> UUID:
        id_, project, name = new_id(), person.scope.project_id, person.scope.user_id
        person.rows["memories"].append((id_, project, name, session, "fact", said.content, said.digest, at, at, 1))
        self._vector(person, id_, "memory", dense, said.stored_text, None)
        person.points.append(
            IndexPoint(
                id_, PointKind.MEMORY, 1, session, None, "fact", "active", at, at, None,
                dense.astype(np.float32), said.text,
            )
        )  # fmt: skip
        return id_

    def _vector(  # noqa: PLR0913, PLR0917 - a row of the table
        self, person: Person, id_: UUID, kind: str, dense: np.ndarray, text: bytes, window: bytes | None
    ) -> None:
        target: Target = self._target
        whose = (person.scope.project_id, person.scope.user_id)
        person.rows["vectors"].append(
            (id_, target.model, kind, *whose, target.dimension, dense.tobytes(), text, window)
        )

    def _directions(self, count: int) -> np.ndarray:
        """Random unit vectors as they are stored, float16; one more than asked, since a tenth is rounded down."""
        dense = self._rng.standard_normal((count + 1, self._target.dimension), dtype=np.float32)
        return (dense / np.linalg.norm(dense, axis=1, keepdims=True)).astype("<f2")


@contextmanager
def opened(home_path: Path, said: list[list[Said]], seed: int) -> Iterator[Store]:
    """The stores of the stopped instance; everything is on disk when the block ends."""
    home = Home(home_path)
    postgres = Postgres(home, FILLING)
    postgres.prepare(home.secrets().admin_password)
    process = postgres.start()
    usual, edge.FLUSH_EVERY = edge.FLUSH_EVERY, FLUSH_EVERY
    try:
        postgres.wait(30)
        index = EdgeIndex(home.index)
        try:
            with psycopg.connect(postgres.dsn(ADMIN, home.secrets().admin_password)) as connection:
                yield Store(connection, index, said, seed)
        finally:
            index.close()
    finally:
        edge.FLUSH_EVERY = usual
        stopping.stop(process, *stopping.POSTGRES)
        postgres.release()
        os.sync()


def new_id() -> UUID:
    """As the service makes them, in the order of time."""
    return UUID(int=uuid6.uuid7().int)


def _interleaved(lists: Sequence[Sequence[tuple[Any, ...]]]) -> Iterator[tuple[Any, ...]]:
    """The first of each, then the second of each, and so on."""
    for place in range(max(map(len, lists))):
        yield from (one[place] for one in lists if place < len(one))
