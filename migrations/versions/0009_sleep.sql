-- Sleep-time work.
SELECT 1;
