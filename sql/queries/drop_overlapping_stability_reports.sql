-- Delete a study's reports that share a month with a period, before a new one replaces them.
-- Binds: study_id (text), first_month (text), last_month (text)
-- Index: stability_reports_pkey
DELETE FROM stability_reports
WHERE study_id = :study_id
  AND first_month <= :last_month
  AND last_month >= :first_month;
