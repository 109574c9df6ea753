"""How long the first transaction of an erasure takes, on a PostgreSQL of its own.

python bench/forgetting.py [N]   a session of N (50,000) turns beside another one: of each turn a memory with its
                                 vector, version and statement, a tenth of them with an entity and a source in both
"""

import sys
import time
from uuid import uuid4

import psycopg

from app.clock import new_id
from app.domain.erasure import Order, TargetKind
from app.domain.scope import UserScope
from app.services import erasures
from app.storage.db import Database
from tests.support.stack import running_postgres

DIM = 384  # numbers of a vector of the default encoder
KEY = bytes(32)
NEAR, FAR = "near", "far"  # the session that goes, and the one that stays

TURNS = """
INSERT INTO events (id, project_id, user_id, session_id, client_id, role, content, occurred_at, utc_offset, metadata,
    content_hash, state, extracted_at, consolidated_at, processed_at, version, indexed_version, place)
SELECT md5(%(session)s || n)::uuid, %(project)s, 'ann', %(session)s, n::text, 'user',
    'I put number ' || n || ' into the ' || md5(n::text), now() - interval '30 days' + n * interval '1 second', 0, '{}',
    '', 'processed', now(), now(), now(), 1, 1, n
FROM generate_series(1, %(turns)s) n
"""
SESSION = """
INSERT INTO sessions (project_id, user_id, session_id, events, first_at, last_at)
SELECT project_id, user_id, session_id, count(*), min(occurred_at), max(occurred_at) FROM events
WHERE session_id = %(session)s GROUP BY 1, 2, 3
"""
MADE_OF_THEM = (
    """INSERT INTO segments (id, project_id, user_id, session_id, event_ids, events_hash, extractor, started_at,
        ended_at)
    SELECT md5(session_id || place / 20)::uuid, project_id, user_id, session_id, array_agg(id ORDER BY place),
        sha256(min(client_id)::bytea), 'made', min(occurred_at), max(occurred_at)
    FROM events GROUP BY project_id, user_id, session_id, place / 20""",
    """INSERT INTO candidates (id, project_id, user_id, session_id, segment_id, ordinal, event_ids, occurred_at,
        body, state, decision, memory_id)
    SELECT gen_random_uuid(), e.project_id, e.user_id, e.session_id, md5(session_id || place / 20)::uuid, e.place,
        ARRAY[e.id], e.occurred_at,
        jsonb_build_object('text', 'The user put number ' || e.place || ' into the ' || md5(e.place::text),
            'event_ids', ARRAY[e.id]), 'decided', 'add', md5('m' || e.id)::uuid
    FROM events e""",
    """INSERT INTO memories (id, project_id, user_id, type, text, text_hash, occurred_at, live_from,
        indexed_version)
    SELECT md5('m' || id)::uuid, project_id, user_id, 'fact', 'The user put number ' || place || ' into the ' ||
        md5(place::text) || CASE session_id WHEN 'near' THEN '' ELSE ' too' END,
        sha256((session_id || place)::bytea), occurred_at, occurred_at, 1
    FROM events""",
    """INSERT INTO memory_versions (memory_id, version, project_id, user_id, change, actor, type, text, status, frozen,
        live_from, importance, confidence)
    SELECT id, 1, project_id, user_id, 'add', 'pipeline', type, text, status, frozen, live_from, importance, confidence
    FROM memories""",
    """INSERT INTO memory_sources (memory_id, event_id, project_id, user_id)
    SELECT md5('m' || id)::uuid, id, project_id, user_id FROM events UNION ALL
    SELECT md5('m' || n.id)::uuid, f.id, n.project_id, n.user_id FROM events n
    JOIN events f ON f.place = n.place AND f.session_id = 'far' WHERE n.session_id = 'near' AND n.place %% 10 = 0""",
    """INSERT INTO entities (id, project_id, user_id, name, normalised)
    SELECT id, project_id, user_id, md5(place::text), md5(place::text) || session_id FROM events
    WHERE place %% 10 = 0""",
    """INSERT INTO memory_entities (memory_id, entity_id, project_id, user_id)
    SELECT md5('m' || id)::uuid, id, project_id, user_id FROM entities""",
)  # fmt: skip
VECTORS = """
INSERT INTO vectors (target_id, model, kind, project_id, user_id, dimension, dense, sparse)
SELECT id, 'made', %(kind)s, project_id, user_id, %(dim)s, %(dense)s, '' FROM {table}
"""
# Half of what rests on both sessions is told by the one that stays.
TOLD_BY_HALF = "UPDATE candidates SET body = body || '{\"text\": \"\"}' WHERE session_id = 'far' AND ordinal %% 20 = 0"


def fill(database: Database, scope: UserScope, turns: int) -> None:
    """A user with two sessions of that many turns, as the pipeline leaves them."""
    with database.transaction(scope.project) as conn:
        conn.execute("SELECT set_config('statement_timeout', '0', true)")
        conn.execute("INSERT INTO projects (id, name) VALUES (%s, 'made')", (scope.project_id,))
        for session in (NEAR, FAR):
            values = {"project": scope.project_id, "session": session, "turns": turns}
            conn.execute(TURNS, values)
            conn.execute(SESSION, values)
        for statement in MADE_OF_THEM:
            conn.execute(statement, {})
        conn.execute(TOLD_BY_HALF, {})
        for table, kind in (("events", "event"), ("memories", "memory")):
            conn.execute(VECTORS.format(table=table), {"kind": kind, "dim": DIM, "dense": bytes(2 * DIM)})


def main() -> None:
    turns = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    with running_postgres() as store:
        database = Database(store.app_dsn, size=2)
        database.open()
        scope = UserScope(uuid4(), "ann")
        fill(database, scope, turns)
        with psycopg.connect(store.owner_dsn, autocommit=True) as owner:
            owner.execute("ANALYZE")
        for kind, target, erase in (
            (TargetKind.SESSION, NEAR, erasures.session),
            (TargetKind.USER, scope.user_id, erasures.user),
        ):
            began = time.perf_counter()
            with database.transaction(scope) as conn:
                receipt = erase(conn, scope, Order(new_id(), kind, target, "key:bench"), KEY)
            print(f"{kind}: {time.perf_counter() - began:.1f} s, {receipt.counts}")
        database.close()


if __name__ == "__main__":
    main()
