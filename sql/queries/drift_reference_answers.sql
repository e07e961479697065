-- The suggestions for a stored reference's questions.
-- Binds: site (text), model_version (text), first_month (text), last_month (text)
-- Index: drift_reference_answers_pkey
SELECT question_id, tags, scores
FROM drift_reference_answers
WHERE site = :site
  AND model_version = :model_version
  AND first_month = :first_month
  AND last_month = :last_month;
