-- What the strategies of the policy keep beside what is there: notes of memories, episodes of segments, work that a
-- client waits for, and candidates whose decision waits for the user's quiet.
ALTER TABLE memories
    ADD COLUMN keywords text[] NOT NULL DEFAULT '{}', -- of its own statement
    ADD COLUMN tags text[] NOT NULL DEFAULT '{}',     -- what it is about, also by its linked memories
    ADD COLUMN context text NOT NULL DEFAULT '';      -- one line: what the linked memories add
ALTER TABLE segments
    ADD COLUMN summary text NOT NULL DEFAULT '',      -- the episode: its most central statements
    ADD COLUMN model text,
    ADD COLUMN dense bytea;                           -- float16 mean direction of its turns
ALTER TABLE work
    ADD COLUMN urgent boolean NOT NULL DEFAULT false; -- a client waits: no buffer holds it back
CREATE INDEX candidates_put_off ON candidates (project_id, user_id, occurred_at, segment_id, ordinal)
    WHERE state = 'decided' AND reason = 'put_off';

-- Work that waits on purpose (a buffer, a user's quiet) is not late: its age counts from when it is due.
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
$$;
