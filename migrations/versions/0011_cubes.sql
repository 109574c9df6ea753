-- Cubes: shares and artefacts.
SELECT 1;
