-- Strength and lifecycle of memories. All columns have defaults, so the code before still runs.
ALTER TABLE memories
    ADD COLUMN layer smallint NOT NULL DEFAULT 0,    -- of layered decay: 0 short, 1 mid, 2 long
    ADD COLUMN layered_at timestamptz,               -- when it came into its layer; null: when it was recorded
    ADD COLUMN review_at timestamptz,                -- when somebody should look at it again
    ADD COLUMN flagged boolean NOT NULL DEFAULT false; -- called wrong, and nobody has looked at it since

-- What is due for a look: both hold few rows.
CREATE INDEX memories_to_review ON memories (project_id, review_at) WHERE review_at IS NOT NULL;
CREATE INDEX memories_flagged ON memories (project_id, user_id) WHERE flagged;

-- A flag and a date of review show in lists, not in answers of recall, so neither ends a cached answer.

-- `used`: the app says that a memory went into what it answered.
ALTER TABLE feedback DROP CONSTRAINT feedback_signal_check;
ALTER TABLE feedback ADD CONSTRAINT feedback_signal_check
    CHECK (signal IN ('helpful', 'used', 'wrong', 'outdated', 'private'));
