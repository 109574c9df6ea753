-- Erasures, their tombstones and receipts. Tables of their own and one column with no default, so code of the revision
-- before does not notice.
CREATE TABLE erasures (
    id uuid PRIMARY KEY,                             -- also that of the job that sweeps what is shown nowhere
    project_id uuid NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    user_id text NOT NULL,
    target_kind text NOT NULL CHECK (target_kind IN ('user', 'session', 'event', 'memory', 'source', 'age')),
    target_id text NOT NULL,                         -- an id; of a source: which of its fields were given; of age: until when
    derived_only boolean NOT NULL DEFAULT false,
    reason text NOT NULL DEFAULT 'request' CHECK (reason IN ('request', 'age', 'replay')),
    state text NOT NULL DEFAULT 'erasing' CHECK (state IN ('erasing', 'rewriting', 'done')),
    counts jsonb NOT NULL DEFAULT '{}',              -- rows by table
    notes jsonb NOT NULL DEFAULT '{}',               -- what was done about each store
    prints bigint[] NOT NULL DEFAULT '{}',           -- keyed hashes of the erased words; dropped at prints_until
    prints_key bytea,
    prints_until timestamptz,
    created_by text NOT NULL,
    erased_at timestamptz NOT NULL,                  -- what was recorded before is gone, what came later passes
    swept_at timestamptz,                            -- every table is clean
    finished_at timestamptz,                         -- and every other store
    verified_at timestamptz,
    findings jsonb                                   -- of the last verification: hits by place
);
CREATE INDEX erasures_by_time ON erasures (project_id, erased_at, id);
CREATE INDEX erasures_open ON erasures (project_id) WHERE state <> 'done';

CREATE TABLE tombstones (
    project_id uuid NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    user_id text NOT NULL,
    target_kind text NOT NULL CHECK (target_kind IN ('user', 'session', 'event', 'memory', 'derived')),
    target_id text NOT NULL,                         -- '' for the user; of derived: an event that stays, told of no more
    erased_at timestamptz NOT NULL,
    erasure_id uuid NOT NULL,
    PRIMARY KEY (project_id, user_id, target_kind, target_id)
);
CREATE INDEX tombstones_by_time ON tombstones (project_id, user_id, erased_at);

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['erasures', 'tombstones'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format($p$CREATE POLICY scope ON %I USING (
            project_id = nullif(current_setting('mneme.project', true), '')::uuid
            AND (user_id = current_setting('mneme.user', true) OR current_setting('mneme.all_users', true) = 'on'))$p$, t);
    END LOOP;
END $$;
GRANT SELECT, INSERT, UPDATE, DELETE ON erasures, tombstones TO mneme_app;

CREATE TABLE installation_keys (                     -- no user data: what signs receipts
    name text PRIMARY KEY,
    secret bytea NOT NULL
);
GRANT SELECT, INSERT ON installation_keys TO mneme_app;

-- Whose answer it is, where it is one user's: answers without are looked through.
ALTER TABLE idempotency_keys ADD COLUMN user_id text;
CREATE INDEX idempotency_keys_of_user ON idempotency_keys (project_id, user_id) WHERE user_id IS NOT NULL;

CREATE INDEX scene_members_by_memory ON scene_members (memory_id);  -- deleting memories looks for them
CREATE INDEX audit_of_user ON audit (project_id, user_id) WHERE user_id IS NOT NULL;
CREATE INDEX jobs_of_user ON jobs (project_id, (scope ->> 'user_id')) WHERE scope ? 'user_id';

ALTER TABLE audit ADD COLUMN IF NOT EXISTS reason text, ADD COLUMN IF NOT EXISTS salt bytea;  -- those of 0010

-- The app may add to the audit and change nothing in it, but for this: an erased user's entries stay without what tells
-- whose they were. Row security applies as to everything else.
GRANT UPDATE (user_id, detail, target_id, reason, salt) ON audit TO mneme_app;
CREATE FUNCTION mneme_audit_only_redacted() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF OLD.user_id IS NULL OR NEW.user_id IS NOT NULL OR NEW.reason IS NOT NULL OR NEW.salt IS NOT NULL
        OR NEW.target_id <> 'erased' OR NEW.detail <> '{"erased": true}'
        OR to_jsonb(NEW) - ARRAY['user_id', 'detail', 'target_id', 'reason', 'salt']
            <> to_jsonb(OLD) - ARRAY['user_id', 'detail', 'target_id', 'reason', 'salt']
    THEN
        RAISE EXCEPTION 'entries of the audit are only ever redacted' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER audit_only_redacted BEFORE UPDATE ON audit FOR EACH ROW EXECUTE FUNCTION mneme_audit_only_redacted();

-- Space of deleted rows is given back at once where PostgreSQL lets a role that owns nothing do so (17 and later).
DO $$
BEGIN
    IF current_setting('server_version_num')::int >= 170000 THEN
        EXECUTE 'GRANT MAINTAIN ON ALL TABLES IN SCHEMA public TO mneme_app';
    END IF;
END $$;
