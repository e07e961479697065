-- Vocabulary and number of the models behind a stored reference; no row if it is not stored.
-- Binds: site (text), model_version (text), first_month (text), last_month (text)
-- Index: drift_references_pkey
SELECT
    vocabulary,
    model_count
FROM drift_references
WHERE site = :site
  AND model_version = :model_version
  AND first_month = :first_month
  AND last_month = :last_month;
