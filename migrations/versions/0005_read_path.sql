-- What recall reads beside the rows themselves.

-- The place of a turn in its session, in order of arrival: recall knows by it which candidates were neighbours. The
-- update rewrites every turn once, so a large installation migrates while it rests; a turn without a place (written by the
-- code before, meanwhile) only has no neighbours.
ALTER TABLE events ADD COLUMN place integer;
UPDATE events e SET place = o.place FROM (
    SELECT id, row_number() OVER (PARTITION BY project_id, user_id, session_id ORDER BY seq) AS place FROM events) o
WHERE o.id = e.id;

-- The transactions that changed what a recall of this user may answer, as far as they are not settled yet, and the latest
-- that are: no two states of a user's data show the same set, so it is the version in the key of a cached answer. Only
-- rows of the own transaction are written and nobody waits for a row of another, so this never deadlocks.
CREATE TABLE user_versions (
    project_id uuid NOT NULL,                        -- no reference: triggers write here while a project goes
    user_id text NOT NULL,
    transaction xid8 NOT NULL,
    PRIMARY KEY (project_id, user_id, transaction)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 200);
ALTER TABLE user_versions ENABLE ROW LEVEL SECURITY;
ALTER TABLE user_versions FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON user_versions USING (
    project_id = nullif(current_setting('mneme.project', true), '')::uuid
    AND (user_id = current_setting('mneme.user', true) OR current_setting('mneme.all_users', true) = 'on'));
GRANT SELECT, INSERT, UPDATE, DELETE ON user_versions TO mneme_app;

-- Notes the running transaction and drops the settled ones, which no snapshot can tell apart from it any more.
CREATE FUNCTION note_change(project uuid, person text) RETURNS void LANGUAGE sql AS $$
    DELETE FROM user_versions WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM user_versions WHERE project_id = project AND user_id = person
        AND transaction < pg_snapshot_xmin(pg_current_snapshot()) FOR UPDATE SKIP LOCKED));
    INSERT INTO user_versions VALUES (project, person, pg_current_xact_id()) ON CONFLICT DO NOTHING;
$$;

CREATE FUNCTION bump_user_versions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM note_change(c.project_id, c.user_id) FROM (SELECT DISTINCT project_id, user_id FROM changed) c;
    RETURN NULL;
END $$;

-- A memory that was only served keeps its version, so it changes nothing here: answers to exact repeats stay cached.
CREATE FUNCTION bump_for_memories() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM note_change(c.project_id, c.user_id) FROM (
        SELECT DISTINCT n.project_id, n.user_id FROM changed n JOIN before o ON o.id = n.id
        WHERE (n.version, n.indexed_version, n.status, n.frozen, n.importance, n.confidence)
              IS DISTINCT FROM (o.version, o.indexed_version, o.status, o.frozen, o.importance, o.confidence)
           OR n.live_until IS DISTINCT FROM o.live_until OR n.expires_at IS DISTINCT FROM o.expires_at) c;
    RETURN NULL;
END $$;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['events', 'memories', 'memory_sources', 'blocks'] LOOP
        EXECUTE format('CREATE TRIGGER %1$s_added AFTER INSERT ON %1$s REFERENCING NEW TABLE AS changed'
                       ' FOR EACH STATEMENT EXECUTE FUNCTION bump_user_versions()', name);
        EXECUTE format('CREATE TRIGGER %1$s_gone AFTER DELETE ON %1$s REFERENCING OLD TABLE AS changed'
                       ' FOR EACH STATEMENT EXECUTE FUNCTION bump_user_versions()', name);
        IF name <> 'memories' THEN
            EXECUTE format('CREATE TRIGGER %1$s_changed AFTER UPDATE ON %1$s REFERENCING NEW TABLE AS changed'
                           ' FOR EACH STATEMENT EXECUTE FUNCTION bump_user_versions()', name);
        END IF;
    END LOOP;
END $$;
CREATE TRIGGER memories_changed AFTER UPDATE ON memories REFERENCING NEW TABLE AS changed OLD TABLE AS before
    FOR EACH STATEMENT EXECUTE FUNCTION bump_for_memories();

-- A cached answer ends when the next memory of its user does.
CREATE INDEX memories_expiring ON memories (project_id, user_id, expires_at) WHERE expires_at IS NOT NULL;

-- What no longer holds, for the turns that said so.
CREATE INDEX memories_over ON memories (project_id, user_id) WHERE status IN ('superseded', 'invalidated');
