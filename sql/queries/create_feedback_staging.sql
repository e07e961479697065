-- Where COPY puts feedback before it is merged; empty again after each transaction.
-- Binds: none
-- Index: none
CREATE TEMP TABLE IF NOT EXISTS feedback_staging (LIKE feedback) ON COMMIT DELETE ROWS;
