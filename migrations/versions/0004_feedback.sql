-- What users said of memories. A table of its own, so code of the revision before does not notice.
CREATE TABLE feedback (
    id uuid PRIMARY KEY,
    project_id uuid NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    user_id text NOT NULL,
    memory_id uuid NOT NULL REFERENCES memories (id) ON DELETE CASCADE,
    signal text NOT NULL CHECK (signal IN ('helpful', 'wrong', 'outdated', 'private')),
    note text,
    query text,                                      -- the question whose answer showed the memory
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX feedback_by_memory ON feedback (memory_id, created_at, id);
ALTER TABLE feedback ENABLE ROW LEVEL SECURITY;
ALTER TABLE feedback FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON feedback USING (
    project_id = nullif(current_setting('mneme.project', true), '')::uuid
    AND (user_id = current_setting('mneme.user', true) OR current_setting('mneme.all_users', true) = 'on'));
GRANT SELECT, INSERT, UPDATE, DELETE ON feedback TO mneme_app;
