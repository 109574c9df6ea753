-- What Mneme returned to an app, as hashes of sentences: text that comes back in an event is recognised and not learnt.
-- A table of its own, so code of the revision before does not notice.
CREATE TABLE served (
    project_id uuid NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    user_id text NOT NULL,
    hash bigint NOT NULL,                            -- 64 bits of BLAKE2b over kind and normalised sentence
    first_at timestamptz NOT NULL,                   -- an event that arrived before this is no echo of it
    served_at timestamptz NOT NULL,                  -- the latest time, kept to the day
    PRIMARY KEY (project_id, user_id, hash)
);
ALTER TABLE served ENABLE ROW LEVEL SECURITY;
ALTER TABLE served FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON served USING (
    project_id = nullif(current_setting('mneme.project', true), '')::uuid
    AND (user_id = current_setting('mneme.user', true) OR current_setting('mneme.all_users', true) = 'on'));
GRANT SELECT, INSERT, UPDATE, DELETE ON served TO mneme_app;
