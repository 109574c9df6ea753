"""The migration to whole versions and one table of keys, over rows of the revision before."""

import secrets
from uuid import uuid4

import psycopg
import pytest
from alembic import command

from app.domain import chain
from app.domain.scope import ProjectScope
from app.services import audit
from app.services.cubes import trailer
from app.storage import audit_entries, cube_tables, erasures
from app.storage import migrate as migrations
from app.storage.audit_entries import AuditQuery
from app.storage.db import Database
from app.storage.migrate import migrate
from tests.support.private import private_database

BEFORE = "0013"
FILL = """
INSERT INTO projects (id, name) VALUES (%(p)s, 'old');
INSERT INTO memories (id, project_id, user_id, type, text, text_hash, occurred_at, live_from, expires_at, flagged,
    version) VALUES (%(m)s, %(p)s, 'ann', 'fact', 'x', 'x', now(), now(), '2090-01-01', true, 2);
INSERT INTO memory_versions (memory_id, version, project_id, user_id, change, actor, type, text, status, frozen,
    live_from, importance, confidence, recorded_at, recorded_until)
    VALUES (%(m)s, 1, %(p)s, 'ann', 'add', 't', 'fact', 'y', 'active', false, now(), .5, .5, now() - interval '2 h',
        now() - interval '1 h'),
    (%(m)s, 2, %(p)s, 'ann', 'patch', 't', 'fact', 'x', 'active', false, now(), .5, .5, now() - interval '1 h', NULL);
INSERT INTO installation_keys (name, secret) VALUES ('receipts', 'receipts secret')
"""


@pytest.fixture
def old(postgres, monkeypatch):
    """A database at the revision before with something in it, and what `migrate` would make of it."""
    with private_database(postgres, migrated=False) as private:
        with monkeypatch.context() as patch:
            upgrade = command.upgrade
            patch.setattr(migrations.command, "upgrade", lambda config, _head: upgrade(config, BEFORE))
            migrate(private.owner_dsn, postgres.app_password)
        values = {"p": uuid4(), "m": uuid4()}
        with psycopg.connect(private.owner_dsn) as conn:
            for statement in FILL.split(";"):
                conn.execute(statement, values)
            (cubes,) = conn.execute("SELECT secret FROM signing_keys WHERE name = 'cubes'").fetchone()
        yield private, values, bytes(cubes)


def test_versions_have_what_was_not_kept_and_keys_stay(old, postgres):
    private, values, cubes = old
    migrate(private.owner_dsn, postgres.app_password)
    with psycopg.connect(private.owner_dsn) as conn:
        rows = conn.execute(
            "SELECT version, expires_at::date::text, flagged, complete FROM memory_versions ORDER BY version"
        ).fetchall()
        kept = conn.execute("SELECT name, secret FROM installation_keys ORDER BY name").fetchall()
    assert rows == [(1, "2090-01-01", True, False), (2, "2090-01-01", True, False)]
    assert [(name, bytes(secret)) for name, secret in kept] == [("cubes", cubes), ("receipts", b"receipts secret")]
    database = Database(private.app_dsn, size=1)
    database.open()
    with database.transaction(ProjectScope(values["p"])) as conn:
        assert erasures.signing_key(conn, secrets.token_bytes(32)) == b"receipts secret"
        assert cube_tables.signing_key(conn) == cubes
        assert bytes(conn.execute("SELECT secret FROM signing_keys WHERE name = 'cubes'").fetchone()["secret"]) == cubes
        assert trailer({}, b"d" * 32, cube_tables.signing_key(conn)) == trailer({}, b"d" * 32, cubes)
    database.close()


# What the code of the revision before sealed of a version, beside what every entry has.
SEALED = (
    "text", "type", "status", "subject", "attribute", "value", "event_time", "valid_from", "valid_to", "live_from",
    "live_until", "superseded_by", "importance", "confidence", "frozen", "metadata",
)  # fmt: skip


def test_what_the_audit_sealed_before_still_holds(old, postgres):
    private, values, _ = old
    project = ProjectScope(values["p"])
    database = Database(private.app_dsn, size=1)
    migrate(private.owner_dsn, postgres.app_password)
    database.open()
    with database.transaction(project) as conn:
        audit.seal(conn, project)
        checked, _ = audit.check(conn, project, 0)
        entries = audit_entries.page(conn, project, AuditQuery())
    assert (checked.seals, checked.breaks) == (2, [])
    for entry in entries:
        head = {name: getattr(entry, name) for name in ("kind", "ref", "version", "at", "actor", "action")}
        names = ("action", "user_id", "target_kind", "target_id", "reason", "request_id", "detail", "job_id")
        body = {name: getattr(entry, name) for name in (*names, "candidate_id")}
        body["after"] = {name: entry.after[name] for name in SEALED}
        assert entry.digests() == chain.digests(head, body, entry.salt)
    with psycopg.connect(private.owner_dsn) as conn:  # what is not sealed says nothing about the seal
        conn.execute("UPDATE memory_versions SET flagged = false, expires_at = NULL")
    with database.transaction(project) as conn:
        checked, _ = audit.check(conn, project, 0)
        assert (checked.seals, checked.breaks) == (2, [])
    with psycopg.connect(private.owner_dsn) as conn:  # of versions that keep them they are sealed
        conn.execute("UPDATE memory_versions SET complete = true")
    with database.transaction(project) as conn:
        checked, _ = audit.check(conn, project, 0)
    assert len(checked.breaks) == 2
    database.close()
