-- Delete the refreshes and refits of a month that another model or other questions of it replace.
-- Binds: study_id (text), month (text), run_id (text), test_id (text)
-- Index: stability_months_pkey, stability_refreshes_pkey, stability_refits_pkey
WITH replaced AS (
    SELECT study_id, month
    FROM stability_months
    WHERE study_id = :study_id AND month = :month
      AND (run_id <> :run_id OR test_id <> :test_id)
), dropped AS (
    DELETE FROM stability_refreshes AS r USING replaced
    WHERE r.study_id = replaced.study_id AND r.month = replaced.month
)
DELETE FROM stability_refits AS r USING replaced
WHERE r.study_id = replaced.study_id AND r.month = replaced.month;
