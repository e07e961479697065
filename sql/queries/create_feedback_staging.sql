-- Where COPY puts feedback before it is merged; gone with the transaction: behind a
-- pooler its session is not ours.
-- Binds: none
-- Index: none
CREATE TEMP TABLE IF NOT EXISTS feedback_staging (LIKE feedback) ON COMMIT DROP;
