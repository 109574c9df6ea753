-- Snapshots, what made a version, and the audit chain. Columns are nullable or have defaults, so the code before runs.

-- What the pipeline read when it made the version, and what took the memory's place then. The salt lies beside the words
-- that it guards: the digest in the audit's seal says nothing of them once it is gone. Rows of before get theirs when they
-- are sealed, so the table is not rewritten here.
ALTER TABLE memory_versions
    ADD COLUMN candidate_id uuid,
    ADD COLUMN superseded_by uuid,
    ADD COLUMN salt bytea;
ALTER TABLE memory_versions ALTER COLUMN salt SET DEFAULT uuid_send(gen_random_uuid());
CREATE INDEX memory_versions_by_time ON memory_versions (project_id, recorded_at);

ALTER TABLE audit
    ADD COLUMN reason text,
    ADD COLUMN job_id uuid,
    ADD COLUMN salt bytea;
UPDATE audit SET salt = uuid_send(gen_random_uuid());  -- acts only, so few
ALTER TABLE audit ALTER COLUMN salt SET DEFAULT uuid_send(gen_random_uuid());

-- A named recorded time: versions are only ever added, so nothing is copied. '' is the whole project.
CREATE TABLE snapshots (
    id uuid PRIMARY KEY,
    project_id uuid NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    user_id text NOT NULL DEFAULT '',
    name text NOT NULL,
    at timestamptz NOT NULL,                         -- the recorded time that it names
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (project_id, user_id, name)
);
CREATE INDEX snapshots_by_time ON snapshots (project_id, created_at, id);
ALTER TABLE snapshots ENABLE ROW LEVEL SECURITY;
ALTER TABLE snapshots FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON snapshots USING (
    project_id = nullif(current_setting('mneme.project', true), '')::uuid
    AND (user_id = current_setting('mneme.user', true) OR current_setting('mneme.all_users', true) = 'on'));
GRANT SELECT, INSERT, UPDATE, DELETE ON snapshots TO mneme_app;

-- The audit's entries (acts: rows of `audit`, version 0; changes: rows of `memory_versions`) in one order, each with the
-- hash of everything before it. Written in batches after the fact, so that no writer waits for another. Ids and digests
-- only, so an erasure leaves it as it is.
CREATE TABLE audit_seals (
    project_id uuid NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    seq bigint NOT NULL,
    ref uuid NOT NULL,                               -- an audit row's or a memory's id
    version integer NOT NULL DEFAULT 0,
    at timestamptz NOT NULL,                         -- when it happened
    head bytea NOT NULL,                             -- digest of what an erasure leaves: what, when, by whom
    body bytea NOT NULL,                             -- salted digest of the rest
    prev bytea NOT NULL,
    hash bytea NOT NULL,                             -- SHA-256 over prev, seq, head and body
    sealed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (project_id, seq),
    UNIQUE (project_id, ref, version)
);
ALTER TABLE audit_seals ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_seals FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON audit_seals USING (project_id = nullif(current_setting('mneme.project', true), '')::uuid);
GRANT SELECT, INSERT ON audit_seals TO mneme_app;
