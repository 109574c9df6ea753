-- Jobs that workers run in slices: where the next slice goes on, and what a run did or would do, item by item.
ALTER TABLE jobs ADD COLUMN resume jsonb NOT NULL DEFAULT '{}';

CREATE TABLE job_items (
    job_id uuid NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    project_id uuid NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    user_id text NOT NULL DEFAULT '',
    target_kind text NOT NULL,                       -- memory, scene, event, line of a file
    target_id text NOT NULL,
    action text NOT NULL,
    reason text NOT NULL,
    detail jsonb NOT NULL DEFAULT '{}',              -- ids and numbers, never text of users
    PRIMARY KEY (job_id, seq)
);
CREATE INDEX job_items_of_user ON job_items (project_id, user_id);
ALTER TABLE job_items ENABLE ROW LEVEL SECURITY;
ALTER TABLE job_items FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON job_items USING (project_id = nullif(current_setting('mneme.project', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON job_items TO mneme_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO mneme_app;

-- Decisions that were put off have a name of their own: a job of kind sleep is something else.
UPDATE work SET kind = 'wake' WHERE kind = 'sleep';
