-- Make the partitions of predictions that the staged rows need.
-- Binds: none
-- Index: none
SELECT ensure_month_partition('predictions', month)
FROM (SELECT DISTINCT date_trunc('month', asked_at, 'UTC') AS month FROM predictions_staging) AS months;
