-- How healthy the memories of a user are, as last measured, and the sums of a project. Counts only; tables of their own,
-- so code of the revision before does not notice.
CREATE TABLE user_health (
    project_id uuid NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    user_id text NOT NULL,
    measured_at timestamptz NOT NULL,
    active integer NOT NULL,                         -- active memories
    measured integer NOT NULL,                       -- of them the newest, which the next four are counted over
    duplicates integer NOT NULL,                     -- with a near-duplicate, active or of the past
    repeated integer NOT NULL,                       -- of them: said in the same words by one that is no longer active
    junk integer NOT NULL,
    stale integer NOT NULL,
    added_7 integer NOT NULL,                        -- active now, not so many days ago
    gone_7 integer NOT NULL,                         -- active then, not now
    added_30 integer NOT NULL,
    gone_30 integer NOT NULL,
    PRIMARY KEY (project_id, user_id)
);
CREATE TABLE project_health (
    project_id uuid NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    what text NOT NULL,                              -- memories (by type and status) or health (a sum of user_health)
    kind text NOT NULL,
    state text NOT NULL,
    n bigint NOT NULL,
    counted_at timestamptz NOT NULL,
    PRIMARY KEY (project_id, what, kind, state)
);
ALTER TABLE user_health ENABLE ROW LEVEL SECURITY;
ALTER TABLE user_health FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON user_health USING (
    project_id = nullif(current_setting('mneme.project', true), '')::uuid
    AND (user_id = current_setting('mneme.user', true) OR current_setting('mneme.all_users', true) = 'on'));
ALTER TABLE project_health ENABLE ROW LEVEL SECURITY;
ALTER TABLE project_health FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON project_health USING (project_id = nullif(current_setting('mneme.project', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON user_health, project_health TO mneme_app;

-- The third door also sums what the projects counted: a few rows a project, never the memories themselves.
CREATE OR REPLACE FUNCTION mneme_counts()
RETURNS TABLE (what text, kind text, state text, n bigint, oldest_seconds double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT 'work', w.kind, w.state, count(*), greatest(0, extract(epoch FROM clock_timestamp() - min(
               CASE WHEN w.state = 'ready' AND w.attempts = 0 THEN w.run_after
                    ELSE least(w.created_at, w.run_after) END)))::double precision
    FROM public.work w GROUP BY w.kind, w.state
    UNION ALL
    SELECT 'events', '', e.state, count(*), extract(epoch FROM clock_timestamp() - min(e.created_at))::double precision
    FROM public.events e WHERE e.state <> 'processed' GROUP BY e.state
    UNION ALL
    SELECT h.what, h.kind, h.state, sum(h.n)::bigint,
           greatest(0, extract(epoch FROM clock_timestamp() - min(h.counted_at)))::double precision
    FROM public.project_health h GROUP BY h.what, h.kind, h.state
$$;
