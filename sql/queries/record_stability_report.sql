-- Store a report; those that overlap it are dropped first.
-- Binds: study_id (text), site (text), candidate (text), first_month (text), last_month (text), source_id (text), report (jsonb), html (text), run_ids (text[])
-- Index: stability_reports_pkey
INSERT INTO stability_reports (study_id, site, candidate, first_month, last_month, source_id, report,
                               html, run_ids)
VALUES (:study_id, :site, :candidate, :first_month, :last_month, :source_id,
        CAST(:report AS jsonb), :html, CAST(:run_ids AS text[]));
