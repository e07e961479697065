-- Empty the staging tables between two batches of one transaction.
-- Binds: none
-- Index: none
TRUNCATE questions_staging, question_tags_staging;
