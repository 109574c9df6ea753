-- Strength and lifecycle of memories.
SELECT 1;
