-- Where COPY puts predictions before they are merged; gone with the transaction: behind a
-- pooler its session is not ours.
-- Binds: none
-- Index: none
CREATE TEMP TABLE IF NOT EXISTS predictions_staging (LIKE predictions) ON COMMIT DROP;
