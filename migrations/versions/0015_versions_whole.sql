-- Versions keep when a memory ends, when it is due for a look, and that it was called wrong. Of versions that are there
-- already they are those of the present, as rollbacks took them so far; `complete` tells them from those that recorded
-- them, because the audit has sealed the others without. Code of the revision before writes versions without them still.
ALTER TABLE memory_versions
    ADD COLUMN expires_at timestamptz,
    ADD COLUMN review_at timestamptz,
    ADD COLUMN flagged boolean NOT NULL DEFAULT false,
    ADD COLUMN complete boolean NOT NULL DEFAULT false;
ALTER TABLE memory_versions ALTER COLUMN complete SET DEFAULT true;
UPDATE memory_versions v SET expires_at = m.expires_at, review_at = m.review_at, flagged = m.flagged
FROM memories m WHERE m.id = v.memory_id AND (m.expires_at IS NOT NULL OR m.review_at IS NOT NULL OR m.flagged);

-- One table for what an installation signs with: cubes and receipts. The view is for code of the revision before.
ALTER TABLE installation_keys ADD COLUMN created_at timestamptz NOT NULL DEFAULT now();
INSERT INTO installation_keys (name, secret, created_at) SELECT name, secret, created_at FROM signing_keys
ON CONFLICT (name) DO NOTHING;
DROP TABLE signing_keys;
CREATE VIEW signing_keys WITH (security_invoker = true) AS
    SELECT name, secret, created_at FROM installation_keys WHERE name = 'cubes';
GRANT SELECT ON signing_keys TO mneme_app;
