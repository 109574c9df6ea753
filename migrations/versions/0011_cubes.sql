-- Cubes: files on their way in, shares for reading, artefacts, and the key that signs exports. All tables are new.

-- A file that is being imported, in pieces of whole lines; gone when its job has ended. Gateway and worker may be
-- different machines, so it lies here and not in a directory.
CREATE TABLE cube_files (
    job_id uuid NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    seq integer NOT NULL,
    project_id uuid NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    user_id text NOT NULL,                           -- into whom it is imported
    first_line integer NOT NULL,
    lines integer NOT NULL,
    data bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (job_id, seq)
);
ALTER TABLE cube_files ALTER COLUMN data SET STORAGE EXTERNAL;  -- base64 of vectors does not compress
CREATE INDEX cube_files_by_user ON cube_files (project_id, user_id);

CREATE TABLE cube_shares (
    id uuid PRIMARY KEY,
    project_id uuid NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    user_id text NOT NULL,                           -- the owner of what is shared
    filters jsonb NOT NULL DEFAULT '{}',
    with_user_ids text[] NOT NULL DEFAULT '{}',
    with_agent_ids text[] NOT NULL DEFAULT '{}',
    expires_at timestamptz,
    revoked_at timestamptz,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX cube_shares_by_user ON cube_shares (project_id, user_id, created_at, id);

CREATE TABLE artefacts (                             -- opaque: stored and returned, never interpreted
    id uuid PRIMARY KEY,
    project_id uuid NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    user_id text NOT NULL,
    name text NOT NULL,
    kind text NOT NULL,
    version integer NOT NULL,
    fingerprint text NOT NULL,                       -- SHA-256 of the content, hexadecimal
    size bigint NOT NULL,
    provenance jsonb NOT NULL DEFAULT '{}',
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (project_id, user_id, name, version)
);
CREATE INDEX artefacts_by_time ON artefacts (project_id, user_id, created_at, id);

CREATE TABLE artefact_parts (
    artefact_id uuid NOT NULL REFERENCES artefacts (id) ON DELETE CASCADE,
    seq integer NOT NULL,
    project_id uuid NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    user_id text NOT NULL,
    data bytea NOT NULL,
    PRIMARY KEY (artefact_id, seq)
);
ALTER TABLE artefact_parts ALTER COLUMN data SET STORAGE EXTERNAL;
CREATE INDEX artefact_parts_by_user ON artefact_parts (project_id, user_id);

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['cube_files', 'cube_shares', 'artefacts', 'artefact_parts'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format($p$CREATE POLICY scope ON %I USING (
            project_id = nullif(current_setting('mneme.project', true), '')::uuid
            AND (user_id = current_setting('mneme.user', true) OR current_setting('mneme.all_users', true) = 'on'))$p$, t);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO mneme_app', t);
    END LOOP;
END $$;

-- The installation's own key for signatures of exports: made here, never leaves. No user data.
CREATE TABLE signing_keys (
    name text PRIMARY KEY,
    secret bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO signing_keys (name, secret)
    SELECT 'cubes', sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8'));
GRANT SELECT ON signing_keys TO mneme_app;
