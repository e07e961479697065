-- Where COPY puts predictions before they are merged; empty again after each transaction.
-- Binds: none
-- Index: none
CREATE TEMP TABLE IF NOT EXISTS predictions_staging (LIKE predictions) ON COMMIT DELETE ROWS;
