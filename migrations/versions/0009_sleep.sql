-- Sleep-time work: up to when the memories of a user have been slept on. Who has changed since is woken once a day.
CREATE TABLE sleeps (
    project_id uuid NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    user_id text NOT NULL,
    slept_at timestamptz NOT NULL,                   -- the server's own time at which nothing was left to do
    PRIMARY KEY (project_id, user_id)
);
ALTER TABLE sleeps ENABLE ROW LEVEL SECURITY;
ALTER TABLE sleeps FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON sleeps USING (
    project_id = nullif(current_setting('mneme.project', true), '')::uuid
    AND (user_id = current_setting('mneme.user', true) OR current_setting('mneme.all_users', true) = 'on'));
GRANT SELECT, INSERT, UPDATE, DELETE ON sleeps TO mneme_app;

-- Reflections that sleep derived, to find them again whatever their status.
CREATE INDEX memories_reflections ON memories (project_id, user_id) WHERE type = 'reflection';
