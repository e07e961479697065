-- Mark a month whose model was tested with every other month of its study.
-- Binds: study_id (text), month (text), run_id (text)
-- Index: stability_months_pkey
UPDATE stability_months
SET finished = true
WHERE study_id = :study_id
  AND month = :month
  AND run_id = :run_id;
