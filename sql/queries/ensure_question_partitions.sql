-- Make the partitions of questions that are missing for the given months.
-- Binds: moments (timestamptz[])
-- Index: none
SELECT ensure_month_partition('questions', moment)
FROM unnest(CAST(:moments AS timestamptz[])) AS moment;
