-- The first schema. Run by 0001_initial.py as role mneme_owner; mneme_app gets rights and policies, and owns nothing.

-- Tenants and keys ---------------------------------------------------------------------------------------------------
CREATE TABLE projects (
    id uuid PRIMARY KEY,
    owner_project_id uuid REFERENCES projects (id),  -- the project whose admin key made this one; null for the first
    name text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE api_keys (
    id text PRIMARY KEY,                             -- the public part of mneme_<id>_<secret>
    project_id uuid NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    name text NOT NULL,
    secret_hash bytea NOT NULL,                      -- SHA-256 of a random 256-bit secret
    scopes text[] NOT NULL,
    user_id text,                                    -- bound to one user, when set
    session_id text,                                 -- bound to one session of that user, when set
    expires_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    CHECK (session_id IS NULL OR user_id IS NOT NULL)
);
CREATE INDEX api_keys_project ON api_keys (project_id, created_at, id);

CREATE TABLE policies (
    project_id uuid PRIMARY KEY REFERENCES projects (id) ON DELETE CASCADE,
    preset text NOT NULL,
    body jsonb NOT NULL,
    version integer NOT NULL DEFAULT 1,
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- What was said ------------------------------------------------------------------------------------------------------
CREATE TABLE sessions (
    project_id uuid NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    user_id text NOT NULL,
    session_id text NOT NULL,
    agent_id text,                                   -- the latest agent seen in it
    events bigint NOT NULL DEFAULT 0,
    first_at timestamptz NOT NULL,                   -- smallest occurred_at
    last_at timestamptz NOT NULL,                    -- largest occurred_at
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (project_id, user_id, session_id)
);

CREATE TABLE speakers (
    project_id uuid NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    user_id text NOT NULL,
    name text NOT NULL,
    role text NOT NULL,
    PRIMARY KEY (project_id, user_id, name, role)
);

CREATE TABLE events (
    id uuid PRIMARY KEY,
    project_id uuid NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    user_id text NOT NULL,
    session_id text NOT NULL,
    client_id text NOT NULL,
    agent_id text,
    role text NOT NULL CHECK (role IN ('user', 'assistant', 'system', 'tool')),
    name text,
    content text NOT NULL,
    occurred_at timestamptz NOT NULL,
    utc_offset integer NOT NULL,                     -- seconds east of UTC, as the app sent it
    metadata json NOT NULL,                          -- json, not jsonb: it comes back as it was sent
    content_hash bytea NOT NULL,                     -- SHA-256 over everything the app sent
    seq bigint GENERATED ALWAYS AS IDENTITY,
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'processed', 'failed')),
    skip_reason text,
    segment_id uuid,
    extracted_at timestamptz,
    consolidated_at timestamptz,
    processed_at timestamptz,
    version integer NOT NULL DEFAULT 0,              -- rises when its point must change; 0: no vectors yet
    indexed_version integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (project_id, user_id, session_id, client_id)
);
CREATE INDEX events_by_time ON events (project_id, user_id, occurred_at, seq);
CREATE INDEX events_by_session ON events (project_id, user_id, session_id, occurred_at, seq);
CREATE INDEX events_open ON events (project_id, user_id, seq) WHERE state <> 'processed';
CREATE INDEX events_to_extract ON events (project_id, user_id, session_id, seq) WHERE state = 'pending' AND extracted_at IS NULL;
CREATE INDEX events_to_index ON events (project_id, user_id) WHERE version <> indexed_version;

-- The ledger of work -------------------------------------------------------------------------------------------------
CREATE TABLE work (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    project_id uuid NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    kind text NOT NULL,
    user_id text NOT NULL DEFAULT '',
    session_id text NOT NULL DEFAULT '',
    key text NOT NULL DEFAULT '',                    -- a job's id where the work is a job
    state text NOT NULL DEFAULT 'ready' CHECK (state IN ('ready', 'leased', 'dead')),
    generation bigint NOT NULL DEFAULT 1,            -- rises with every enqueue; the row goes when the claimed one is still newest
    claimed_generation bigint,
    token bigint NOT NULL DEFAULT 0,                 -- fencing: rises with every claim
    attempts integer NOT NULL DEFAULT 0,
    first_at timestamptz,                            -- of the oldest enqueue since the last claim
    run_after timestamptz NOT NULL DEFAULT now(),
    lease_until timestamptz,
    error text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (project_id, kind, user_id, session_id, key)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 200);
CREATE INDEX work_ready ON work (kind, run_after) WHERE state = 'ready';
CREATE INDEX work_leased ON work (kind, lease_until) WHERE state = 'leased';

CREATE TABLE jobs (
    id uuid PRIMARY KEY,
    project_id uuid NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    kind text NOT NULL,
    scope jsonb NOT NULL DEFAULT '{}',
    dry_run boolean NOT NULL DEFAULT false,
    state text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'running', 'done', 'failed')),
    done bigint NOT NULL DEFAULT 0,
    total bigint,
    counts jsonb NOT NULL DEFAULT '{}',
    error text,
    created_by text,
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    finished_at timestamptz
);
CREATE INDEX jobs_by_time ON jobs (project_id, created_at, id);

CREATE TABLE schedules (
    name text PRIMARY KEY,
    every_seconds integer NOT NULL,
    next_run_at timestamptz NOT NULL DEFAULT now(),
    last_run_at timestamptz
);

-- What was understood ------------------------------------------------------------------------------------------------
CREATE TABLE segments (
    id uuid PRIMARY KEY,
    project_id uuid NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    user_id text NOT NULL,
    session_id text NOT NULL,
    event_ids uuid[] NOT NULL,
    events_hash bytea NOT NULL,                      -- SHA-256 of the event ids in order
    extractor text NOT NULL,                         -- name and version of what read it
    title text NOT NULL DEFAULT '',
    keywords text[] NOT NULL DEFAULT '{}',
    participants text[] NOT NULL DEFAULT '{}',
    started_at timestamptz NOT NULL,
    ended_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (project_id, user_id, session_id, events_hash, extractor)
);
CREATE INDEX segments_by_session ON segments (project_id, user_id, session_id, started_at);

CREATE TABLE candidates (
    id uuid PRIMARY KEY,
    project_id uuid NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    user_id text NOT NULL,
    session_id text NOT NULL,
    segment_id uuid NOT NULL REFERENCES segments (id) ON DELETE CASCADE,
    ordinal integer NOT NULL,                        -- place inside the segment
    event_ids uuid[] NOT NULL,
    occurred_at timestamptz NOT NULL,
    body jsonb NOT NULL,                             -- the Candidate
    model text,
    dense bytea,                                     -- float16 vector of its text, made by extraction
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'decided')),
    decision text,                                   -- add, ignore, merge, supersede, invalidate, link
    reason text,
    memory_id uuid,
    decided_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (segment_id, ordinal)
);
CREATE INDEX candidates_open ON candidates (project_id, user_id, occurred_at, segment_id, ordinal) WHERE state = 'open';
CREATE INDEX candidates_by_event ON candidates USING gin (event_ids);

CREATE TABLE memories (
    id uuid PRIMARY KEY,
    project_id uuid NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    user_id text NOT NULL,
    session_id text,
    agent_id text,
    type text NOT NULL,
    text text NOT NULL,
    text_hash bytea NOT NULL,                        -- SHA-256 of the normalised text
    subject text,
    attribute text,
    value text,
    single_valued boolean NOT NULL DEFAULT false,
    negated boolean NOT NULL DEFAULT false,
    status text NOT NULL DEFAULT 'active',
    frozen boolean NOT NULL DEFAULT false,
    event_time text, event_time_precision text,      -- calendar values are text: never shifted into another zone
    valid_from text, valid_from_precision text,
    valid_to text, valid_to_precision text,
    occurred_at timestamptz NOT NULL,
    utc_offset integer NOT NULL DEFAULT 0,
    live_from timestamptz NOT NULL,                  -- conversation time: from when this was the current belief
    live_until timestamptz,                          -- until when; null while it is
    importance real NOT NULL DEFAULT 0.5,
    confidence real NOT NULL DEFAULT 0.7,
    stability real NOT NULL DEFAULT 1.0,
    use_count real NOT NULL DEFAULT 0,
    last_used_at timestamptz,
    expires_at timestamptz,
    superseded_by uuid,
    metadata json NOT NULL DEFAULT '{}',
    version integer NOT NULL DEFAULT 1,
    indexed_version integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX memories_one_live_text ON memories (project_id, user_id, text_hash) WHERE status = 'active';
CREATE INDEX memories_by_time ON memories (project_id, user_id, created_at, id);
CREATE INDEX memories_by_key ON memories (project_id, user_id, subject, attribute) WHERE attribute IS NOT NULL;
CREATE INDEX memories_to_index ON memories (project_id, user_id) WHERE version <> indexed_version;

CREATE TABLE memory_versions (
    memory_id uuid NOT NULL REFERENCES memories (id) ON DELETE CASCADE,
    version integer NOT NULL,
    project_id uuid NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    user_id text NOT NULL,
    change text NOT NULL,                            -- add, strengthen, merge, supersede, invalidate, patch, state, delete
    reason text,
    actor text NOT NULL,                             -- 'pipeline', or 'key:<id>'
    type text NOT NULL,
    text text NOT NULL,
    subject text, attribute text, value text,
    status text NOT NULL,
    frozen boolean NOT NULL,
    event_time text, event_time_precision text,
    valid_from text, valid_from_precision text,
    valid_to text, valid_to_precision text,
    live_from timestamptz NOT NULL,
    live_until timestamptz,
    importance real NOT NULL,
    confidence real NOT NULL,
    metadata json NOT NULL DEFAULT '{}',
    recorded_at timestamptz NOT NULL DEFAULT now(),  -- the server's own time; [recorded_at, recorded_until) is when we knew it so
    recorded_until timestamptz,
    PRIMARY KEY (memory_id, version)
);

CREATE TABLE memory_sources (
    memory_id uuid NOT NULL REFERENCES memories (id) ON DELETE CASCADE,
    event_id uuid NOT NULL REFERENCES events (id) ON DELETE CASCADE,
    project_id uuid NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    user_id text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (memory_id, event_id)
);
CREATE INDEX memory_sources_by_event ON memory_sources (event_id);

CREATE TABLE vectors (
    target_id uuid NOT NULL,                         -- an event's or a memory's id
    model text NOT NULL,                             -- the encoder's fingerprint
    kind text NOT NULL CHECK (kind IN ('event', 'memory')),
    project_id uuid NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    user_id text NOT NULL,
    dimension integer NOT NULL,
    dense bytea NOT NULL,                            -- little-endian float16, length 2 * dimension
    sparse bytea,                                    -- BM25 document weights of the text (SparseVector.to_bytes)
    sparse_window bytea,                             -- the same of a turn with its neighbours
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (target_id, model)
);
CREATE INDEX vectors_by_user ON vectors (project_id, user_id, model);

CREATE TABLE links (
    id uuid PRIMARY KEY,
    project_id uuid NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    user_id text NOT NULL,
    from_id uuid NOT NULL REFERENCES memories (id) ON DELETE CASCADE,
    to_id uuid NOT NULL REFERENCES memories (id) ON DELETE CASCADE,
    type text NOT NULL CHECK (type IN ('similar', 'causal', 'temporal', 'part_of', 'mentions', 'contradicts', 'derived_from')),
    weight real NOT NULL DEFAULT 1.0,
    reason text,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (from_id, to_id, type)
);
CREATE INDEX links_to ON links (to_id);

CREATE TABLE entities (
    id uuid PRIMARY KEY,
    project_id uuid NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    user_id text NOT NULL,
    name text NOT NULL,
    normalised text NOT NULL,
    kind text NOT NULL DEFAULT 'thing',
    aliases text[] NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (project_id, user_id, normalised, kind)
);

CREATE TABLE memory_entities (
    memory_id uuid NOT NULL REFERENCES memories (id) ON DELETE CASCADE,
    entity_id uuid NOT NULL REFERENCES entities (id) ON DELETE CASCADE,
    project_id uuid NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    user_id text NOT NULL,
    PRIMARY KEY (memory_id, entity_id)
);
CREATE INDEX memory_entities_by_entity ON memory_entities (entity_id);

CREATE TABLE scenes (
    id uuid PRIMARY KEY,
    project_id uuid NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    user_id text NOT NULL,
    parent_id uuid REFERENCES scenes (id) ON DELETE SET NULL,
    label text NOT NULL DEFAULT '',
    summary text NOT NULL DEFAULT '',
    keywords text[] NOT NULL DEFAULT '{}',
    model text,
    centroid bytea,
    visits real NOT NULL DEFAULT 0,
    first_at timestamptz,
    last_at timestamptz,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX scenes_by_user ON scenes (project_id, user_id);

CREATE TABLE scene_members (
    scene_id uuid NOT NULL REFERENCES scenes (id) ON DELETE CASCADE,
    memory_id uuid NOT NULL REFERENCES memories (id) ON DELETE CASCADE,
    project_id uuid NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    user_id text NOT NULL,
    PRIMARY KEY (scene_id, memory_id)
);

CREATE TABLE blocks (
    project_id uuid NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    user_id text NOT NULL,
    session_id text NOT NULL DEFAULT '',
    kind text NOT NULL,                              -- profile, summary, persona
    text text NOT NULL,
    lines jsonb NOT NULL DEFAULT '[]',               -- each line with its sources
    version integer NOT NULL DEFAULT 1,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (project_id, user_id, session_id, kind)
);

-- Service ------------------------------------------------------------------------------------------------------------
CREATE TABLE idempotency_keys (
    project_id uuid NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    api_key_id text NOT NULL,
    key text NOT NULL,
    request_hash bytea NOT NULL,                     -- SHA-256 of method, path with query, and body
    status integer NOT NULL,
    headers jsonb NOT NULL DEFAULT '{}',
    body bytea NOT NULL,
    final boolean NOT NULL DEFAULT true,             -- false while the answer may still be replaced (?wait=processed)
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (project_id, api_key_id, key)
);
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);

CREATE TABLE audit (
    id uuid PRIMARY KEY,
    project_id uuid NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    user_id text,
    at timestamptz NOT NULL DEFAULT now(),
    actor text NOT NULL,
    action text NOT NULL,
    target_kind text NOT NULL,
    target_id text NOT NULL,
    detail jsonb NOT NULL DEFAULT '{}',
    request_id text
);
CREATE INDEX audit_by_time ON audit (project_id, at, id);

CREATE TABLE unindex (                               -- points to take out of the index; the index stage empties it
    target_id uuid PRIMARY KEY,
    project_id uuid NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    user_id text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX unindex_by_user ON unindex (project_id, user_id);

CREATE TABLE index_collections (                     -- no user data; exactly one row is live
    name text PRIMARY KEY,
    model text NOT NULL,
    dimension integer NOT NULL,
    state text NOT NULL CHECK (state IN ('building', 'live', 'retired')),
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX index_collections_one_live ON index_collections (state) WHERE state = 'live';

-- Row-level security ---------------------------------------------------------------------------------------------------
-- No scope means no rows and never an error: nullif(..., '') also covers a connection that had a scope before.
DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['events', 'sessions', 'speakers', 'segments', 'candidates', 'memories', 'memory_versions',
        'memory_sources', 'vectors', 'links', 'entities', 'memory_entities', 'scenes', 'scene_members', 'blocks', 'unindex', 'work']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format($p$CREATE POLICY scope ON %I USING (
            project_id = nullif(current_setting('mneme.project', true), '')::uuid
            AND (user_id = current_setting('mneme.user', true) OR current_setting('mneme.all_users', true) = 'on'))$p$, t);
    END LOOP;
    FOREACH t IN ARRAY ARRAY['api_keys', 'policies', 'jobs', 'idempotency_keys', 'audit']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format($p$CREATE POLICY scope ON %I USING (
            project_id = nullif(current_setting('mneme.project', true), '')::uuid)$p$, t);
    END LOOP;
END $$;
ALTER TABLE projects ENABLE ROW LEVEL SECURITY;
ALTER TABLE projects FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON projects USING (
    id = nullif(current_setting('mneme.project', true), '')::uuid
    OR owner_project_id = nullif(current_setting('mneme.project', true), '')::uuid);

-- The only three doors past row security (SECURITY DEFINER) --------------------------------------------------------------
-- 1. A key by its id.
CREATE FUNCTION mneme_find_key(p_id text) RETURNS SETOF api_keys
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS
$$ SELECT * FROM public.api_keys WHERE id = p_id $$;

-- 2. Claiming and sweeping work: ids and scope only.
CREATE FUNCTION mneme_claim_work(p_kinds text[], p_limit integer, p_lease interval)
RETURNS TABLE (id uuid, project_id uuid, kind text, user_id text, session_id text, key text, attempts integer, token bigint)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    WITH due AS (
        SELECT w.id FROM public.work w
        WHERE w.kind = ANY (p_kinds)
          AND ((w.state = 'ready' AND w.run_after <= clock_timestamp()) OR (w.state = 'leased' AND w.lease_until < clock_timestamp()))
        ORDER BY w.run_after LIMIT p_limit FOR UPDATE SKIP LOCKED)
    UPDATE public.work w SET state = 'leased', token = w.token + 1, attempts = w.attempts + 1, first_at = NULL,
        claimed_generation = w.generation, lease_until = clock_timestamp() + p_lease, updated_at = clock_timestamp()
    FROM due WHERE w.id = due.id
    RETURNING w.id, w.project_id, w.kind, w.user_id, w.session_id, w.key, w.attempts, w.token
$$;

CREATE FUNCTION mneme_due_work(p_kinds text[])  -- seconds until the next unit of each kind is due (<= 0: due now)
RETURNS TABLE (kind text, due_in double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT w.kind, extract(epoch FROM min(CASE w.state WHEN 'ready' THEN w.run_after ELSE w.lease_until END) - clock_timestamp())::double precision
    FROM public.work w WHERE w.kind = ANY (p_kinds) AND w.state IN ('ready', 'leased') GROUP BY w.kind
$$;

CREATE FUNCTION mneme_scopes(p_after_project uuid, p_after_user text, p_limit integer)  -- whose rows a rebuild or a check walks
RETURNS TABLE (project_id uuid, user_id text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT DISTINCT v.project_id, v.user_id FROM public.vectors v
    WHERE (v.project_id, v.user_id) > (p_after_project, p_after_user)
    ORDER BY 1, 2 LIMIT p_limit
$$;

CREATE FUNCTION mneme_projects(p_after uuid, p_limit integer)  -- whose old rows maintenance sweeps
RETURNS TABLE (project_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT p.id FROM public.projects p WHERE p.id > p_after ORDER BY p.id LIMIT p_limit
$$;

-- 3. Counts for metrics.
CREATE FUNCTION mneme_counts() RETURNS TABLE (what text, kind text, state text, n bigint, oldest_seconds double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT 'work', w.kind, w.state, count(*),
           extract(epoch FROM clock_timestamp() - min(least(w.created_at, w.run_after)))::double precision
    FROM public.work w GROUP BY w.kind, w.state
    UNION ALL
    SELECT 'events', '', e.state, count(*), extract(epoch FROM clock_timestamp() - min(e.created_at))::double precision
    FROM public.events e WHERE e.state <> 'processed' GROUP BY e.state
$$;

-- Rights ---------------------------------------------------------------------------------------------------------------
GRANT USAGE ON SCHEMA public TO mneme_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO mneme_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO mneme_app;
REVOKE UPDATE, DELETE ON audit FROM mneme_app;
REVOKE ALL ON FUNCTION mneme_find_key, mneme_claim_work, mneme_due_work, mneme_scopes, mneme_projects, mneme_counts FROM PUBLIC;
GRANT EXECUTE ON FUNCTION mneme_find_key, mneme_claim_work, mneme_due_work, mneme_scopes, mneme_projects, mneme_counts TO mneme_app;
