-- Unmark a month whose questions have changed since its model was tested: it has to run again.
-- Binds: study_id (text), month (text), test_id (text)
-- Index: stability_months_pkey
UPDATE stability_months
SET finished = false
WHERE study_id = :study_id
  AND month = :month
  AND test_id = :test_id;
