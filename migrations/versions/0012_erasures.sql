-- Erasures, their tombstones and receipts.
SELECT 1;
