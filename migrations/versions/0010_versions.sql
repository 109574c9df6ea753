-- Snapshots, versions and the audit chain.
SELECT 1;
