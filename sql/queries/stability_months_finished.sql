-- A study's months whose models were tested with every other month, oldest first.
-- Binds: study_id (text)
-- Index: stability_months_pkey
SELECT month
FROM stability_months
WHERE study_id = :study_id
  AND finished
ORDER BY month;
