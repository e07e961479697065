-- Source hash of the stored report on exactly these months.
-- Binds: study_id (text), first_month (text), last_month (text)
-- Index: stability_reports_pkey
SELECT source_id
FROM stability_reports
WHERE study_id = :study_id
  AND first_month = :first_month
  AND last_month = :last_month;
