-- How many places of a session were taken, which stays when turns are erased; `events` is how many turns it has. Code of
-- the revision before raises `events` alone, so whoever takes a place reads the greater of the two.
ALTER TABLE sessions ADD COLUMN places integer NOT NULL DEFAULT 0;

-- The table is locked by the line above, so nobody adds turns meanwhile.
UPDATE sessions s SET places = s.events, events = e.n FROM (
    SELECT project_id, user_id, session_id, count(*) AS n FROM events
    WHERE (project_id, user_id) IN (SELECT project_id, user_id FROM tombstones) GROUP BY 1, 2, 3) e
WHERE s.project_id = e.project_id AND s.user_id = e.user_id AND s.session_id = e.session_id AND s.events <> e.n;
