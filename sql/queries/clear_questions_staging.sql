-- Empty the staging table between two batches of one transaction.
-- Binds: none
-- Index: none
TRUNCATE questions_staging;
