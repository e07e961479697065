-- The page of the stability report that covers this month.
-- Binds: study_id (text), month (text)
-- Index: stability_reports_pkey
SELECT html
FROM stability_reports
WHERE study_id = :study_id
  AND :month BETWEEN first_month AND last_month;
