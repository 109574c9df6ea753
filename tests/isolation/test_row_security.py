"""Row-level security alone: queries without any filter of the app show, change and add nothing outside the scope."""

from uuid import uuid4

import psycopg
import pytest

from app.domain.scope import ProjectScope, UserScope
from tests.support.served import new_project

USER_TABLES = (
    "events", "sessions", "speakers", "segments", "candidates", "memories", "memory_versions", "memory_sources",
    "vectors", "links", "entities", "memory_entities", "scenes", "scene_members", "blocks", "served", "unindex", "work",
    "feedback", "user_versions", "snapshots", "sleeps", "cube_files", "cube_shares", "artefacts", "artefact_parts",
    "erasures", "tombstones", "user_health",
)  # fmt: skip
PROJECT_TABLES = (
    "api_keys", "policies", "jobs", "job_items", "idempotency_keys", "audit", "audit_seals", "project_health",
)  # fmt: skip
APPENDED = {"audit", "audit_seals"}  # the role may not change them
WITHOUT_USER_DATA = {
    "schedules", "index_collections", "alembic_version", "projects", "installation_keys",
}  # fmt: skip


@pytest.fixture(scope="module")
def filled(database, owner_database):
    """Two projects with two users each; one row of everything for each of them."""
    projects = [new_project(database) for _ in range(2)]
    with owner_database.transaction(None) as conn:
        for scope in projects:
            p = scope.project_id
            for user in ("anna", "bob"):
                event, memory, segment, entity, scene = (uuid4() for _ in range(5))
                v = {"p": p, "u": user, "e": event, "m": memory, "s": segment, "n": entity, "c": scene, "x": uuid4()}
                for statement in FILL.strip().split(";")[:-1]:
                    conn.execute(statement, v)
            for statement in FILL_PROJECT.strip().split(";")[:-1]:
                conn.execute(statement, {"p": p, "x": uuid4(), "k": uuid4().hex})
    return projects


FILL = """
INSERT INTO sessions (project_id, user_id, session_id, first_at, last_at) VALUES (%(p)s, %(u)s, 's', now(), now());
INSERT INTO speakers VALUES (%(p)s, %(u)s, 'Max', 'user');
INSERT INTO events (id, project_id, user_id, session_id, client_id, role, content, occurred_at, utc_offset,
metadata, content_hash) VALUES (%(e)s, %(p)s, %(u)s, 's', 'e', 'user', 'x', now(), 0, '{}', 'x');
INSERT INTO segments (id, project_id, user_id, session_id, event_ids, events_hash, extractor, started_at, ended_at)
VALUES (%(s)s, %(p)s, %(u)s, 's', '{}', 'x', 't', now(), now());
INSERT INTO candidates (id, project_id, user_id, session_id, segment_id, ordinal, event_ids, occurred_at, body)
VALUES (%(x)s, %(p)s, %(u)s, 's', %(s)s, 0, '{}', now(), '{}');
INSERT INTO memories (id, project_id, user_id, type, text, text_hash, occurred_at, live_from) VALUES (%(m)s, %(p)s,
%(u)s, 'fact', 'x', 'x', now(), now());
INSERT INTO memory_versions (memory_id, version, project_id, user_id, change, actor, type, text, status, frozen,
live_from, importance, confidence) VALUES (%(m)s, 1, %(p)s, %(u)s, 'add', 't', 'fact', 'x', 'active', false, now(),
0, 0);
INSERT INTO memory_sources VALUES (%(m)s, %(e)s, %(p)s, %(u)s);
INSERT INTO vectors (target_id, model, kind, project_id, user_id, dimension, dense) VALUES (%(m)s, 't', 'memory',
%(p)s, %(u)s, 1, 'x');
INSERT INTO links (id, project_id, user_id, from_id, to_id, type) VALUES (%(x)s, %(p)s, %(u)s, %(m)s, %(m)s,
'similar');
INSERT INTO entities (id, project_id, user_id, name, normalised) VALUES (%(n)s, %(p)s, %(u)s, 'x', 'x');
INSERT INTO memory_entities VALUES (%(m)s, %(n)s, %(p)s, %(u)s);
INSERT INTO scenes (id, project_id, user_id) VALUES (%(c)s, %(p)s, %(u)s);
INSERT INTO scene_members VALUES (%(c)s, %(m)s, %(p)s, %(u)s);
INSERT INTO sleeps VALUES (%(p)s, %(u)s, now());
INSERT INTO blocks (project_id, user_id, kind, text) VALUES (%(p)s, %(u)s, 'profile', 'x');
INSERT INTO served VALUES (%(p)s, %(u)s, 1, now(), now());
INSERT INTO feedback (id, project_id, user_id, memory_id, signal) VALUES (%(x)s, %(p)s, %(u)s, %(m)s, 'wrong');
INSERT INTO jobs (id, project_id, kind) VALUES (%(x)s, %(p)s, 'import');
INSERT INTO cube_files (job_id, seq, project_id, user_id, first_line, lines, data) VALUES (%(x)s, 0, %(p)s, %(u)s, 1, 1,
'x');
INSERT INTO cube_shares (id, project_id, user_id, created_by) VALUES (%(x)s, %(p)s, %(u)s, 't');
INSERT INTO artefacts (id, project_id, user_id, name, kind, version, fingerprint, size, created_by) VALUES (%(x)s,
%(p)s, %(u)s, 'x', 'x', 1, 'x', 1, 't');
INSERT INTO artefact_parts (artefact_id, seq, project_id, user_id, data) VALUES (%(x)s, 0, %(p)s, %(u)s, 'x');
INSERT INTO user_health VALUES (%(p)s, %(u)s, now(), 1, 1, 0, 0, 0, 0, 0, 0, 0, 0);
INSERT INTO unindex (target_id, project_id, user_id) VALUES (%(x)s, %(p)s, %(u)s);
INSERT INTO work (project_id, kind, user_id) VALUES (%(p)s, 'nothing', %(u)s);
INSERT INTO snapshots (id, project_id, user_id, name, at, created_by) VALUES (%(x)s, %(p)s, %(u)s, 'x', now(),
't');
INSERT INTO erasures (id, project_id, user_id, target_kind, target_id, created_by, erased_at) VALUES (%(x)s, %(p)s,
%(u)s, 'user', %(u)s, 't', now());
INSERT INTO tombstones VALUES (%(p)s, %(u)s, 'user', '', now(), %(x)s);
"""
FILL_PROJECT = """
INSERT INTO api_keys (id, project_id, name, secret_hash, scopes) VALUES (%(k)s, %(p)s, 'x', 'x', '{}');
INSERT INTO policies (project_id, preset, body) VALUES (%(p)s, 'default', '{}');
INSERT INTO jobs (id, project_id, kind) VALUES (%(x)s, %(p)s, 'x');
INSERT INTO job_items (job_id, project_id, target_kind, target_id, action, reason)
    SELECT id, project_id, 'memory', 'x', 'x', 'x' FROM jobs WHERE project_id = %(p)s;
INSERT INTO idempotency_keys (project_id, api_key_id, key, request_hash, status, body) VALUES (%(p)s, 'k', 'k', 'x',
200, 'x');
INSERT INTO project_health VALUES (%(p)s, 'memories', 'fact', 'active', 1, now());
INSERT INTO audit (id, project_id, actor, action, target_kind, target_id) VALUES (%(x)s, %(p)s, 'a', 'a', 'a', 'a');
INSERT INTO audit_seals (project_id, seq, ref, at, head, body, prev, hash) VALUES (%(p)s, 1, %(x)s, now(), 'x', 'x',
'x', 'x');
"""


def test_every_table_is_under_test(owner_database):
    with owner_database.transaction(None) as conn:
        rows = conn.execute(
            "SELECT relname, relrowsecurity AND relforcerowsecurity AS guarded FROM pg_class"
            " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        ).fetchall()
    tables = {row["relname"]: row["guarded"] for row in rows}
    assert set(tables) == {*USER_TABLES, *PROJECT_TABLES, *WITHOUT_USER_DATA}
    assert all(tables[name] for name in (*USER_TABLES, *PROJECT_TABLES, "projects"))


def owners(database, scope, table: str) -> set[tuple]:
    """Whose rows an unfiltered query sees."""
    user = "user_id" if table in USER_TABLES else "NULL"
    with database.transaction(scope) as conn:
        rows = conn.execute(f"SELECT project_id, {user} AS user_id FROM {table}").fetchall()
    return {(row["project_id"], row["user_id"]) for row in rows}


@pytest.mark.parametrize("table", USER_TABLES)
def test_a_user_sees_their_own_rows_only(database, filled, table):
    for scope in filled:
        p = scope.project_id
        assert owners(database, UserScope(p, "anna"), table) == {(p, "anna")}
        assert owners(database, UserScope(p, "nobody"), table) == set()
        assert owners(database, scope, table) == {(p, "anna"), (p, "bob")}
    assert owners(database, None, table) == set()
    assert owners(database, ProjectScope(uuid4()), table) == set()


@pytest.mark.parametrize("table", PROJECT_TABLES)
def test_a_project_sees_its_own_rows_only(database, filled, table):
    for scope in filled:
        assert owners(database, scope, table) == {(scope.project_id, None)}
    assert owners(database, None, table) == set()


@pytest.mark.parametrize("table", [*USER_TABLES, *(t for t in PROJECT_TABLES if t not in APPENDED)])
def test_unfiltered_changes_reach_no_further(database, owner_database, filled, table):
    mine, other = filled
    with database.transaction(mine) as conn:
        changed = conn.execute(f"UPDATE {table} SET project_id = project_id").rowcount
        assert changed == conn.execute(f"DELETE FROM {table}").rowcount > 0
        conn.rollback()  # the next case needs the rows
    with database.transaction(UserScope(other.project_id, "anna")) as conn:
        assert (
            conn.execute(
                f"UPDATE {table} SET project_id = project_id WHERE project_id = %s", (mine.project_id,)
            ).rowcount
            == 0
        )
        assert conn.execute(f"DELETE FROM {table} WHERE project_id = %s", (mine.project_id,)).rowcount == 0
    with owner_database.transaction(None) as conn:
        row = conn.execute(f"SELECT count(*) AS n FROM {table} WHERE project_id = %s", (mine.project_id,)).fetchone()
    assert row["n"] > 0


def test_a_row_cannot_be_written_into_another_scope(database, filled):
    mine, other = filled
    for scope, project, user in (
        (mine, other.project_id, "anna"),
        (UserScope(mine.project_id, "anna"), mine.project_id, "bob"),
        (None, mine.project_id, "anna"),
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), database.transaction(scope) as conn:
            conn.execute(
                "INSERT INTO speakers (project_id, user_id, name, role) VALUES (%s, %s, 'X', 'user')", (project, user)
            )


def test_a_connection_that_had_a_scope_forgets_it(postgres, filled):
    from app.storage.db import Database  # noqa: PLC0415

    single = Database(postgres.app_dsn, size=1)
    single.open()
    try:
        assert owners(single, filled[0], "events")
        assert owners(single, None, "events") == set()
        assert owners(single, UserScope(filled[1].project_id, "anna"), "events") == {(filled[1].project_id, "anna")}
    finally:
        single.close()


@pytest.mark.parametrize("table", sorted(APPENDED))
def test_the_audit_cannot_be_rewritten(database, filled, table):
    for statement in (f"UPDATE {table} SET project_id = project_id", f"DELETE FROM {table}"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), database.transaction(filled[0]) as conn:
            conn.execute(statement)


REDACT = "user_id = NULL, detail = '{\"erased\": true}', target_id = 'erased', reason = NULL, salt = NULL"


def test_the_audit_can_only_be_redacted(database):
    mine, other = new_project(database), new_project(database)
    add = "INSERT INTO audit (id, project_id, user_id, actor, action, target_kind, target_id) VALUES"
    with database.transaction(mine) as conn:
        for user in ("anna", None):
            conn.execute(
                f"{add} (gen_random_uuid(), %s, %s, 'a', 'a', 'a', %s)", (mine.project_id, user, user or "none")
            )
    whose = {"anna": "user_id = 'anna'", "none": "user_id IS NULL"}
    for change, where in (
        ("target_id = 'x'", whose["anna"]),
        ("user_id = 'bob'", whose["anna"]),
        (REDACT.replace("'erased'", "'x'"), whose["anna"]),
        (REDACT.replace(", salt = NULL", ""), whose["anna"]),
        (REDACT + ", actor = 'x'", whose["anna"]),
        (REDACT, whose["none"]),
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), database.transaction(mine) as conn:
            conn.execute(f"UPDATE audit SET {change} WHERE {where}")
    with database.transaction(other) as conn:
        assert conn.execute(f"UPDATE audit SET {REDACT}").rowcount == 0
    with database.transaction(mine) as conn:
        assert conn.execute(f"UPDATE audit SET {REDACT} WHERE user_id = 'anna'").rowcount == 1
        rows = conn.execute("SELECT user_id, target_id, salt IS NULL AS blank FROM audit ORDER BY target_id").fetchall()
    assert [(r["user_id"], r["target_id"], r["blank"]) for r in rows] == [
        (None, "erased", True),
        (None, "none", False),
    ]


def test_only_known_functions_pass_row_security(owner_database):
    with owner_database.transaction(None) as conn:
        rows = conn.execute(
            "SELECT proname FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace"
        ).fetchall()
    assert {row["proname"] for row in rows} == {
        "mneme_find_key", "mneme_claim_work", "mneme_due_work", "mneme_scopes", "mneme_projects", "mneme_counts",
    }  # fmt: skip
