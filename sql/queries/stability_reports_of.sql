-- A site's reports, newest first, without their pages.
-- Binds: site (text)
-- Index: stability_reports_site_idx
SELECT r.study_id, r.candidate, s.parameters, s.window_months, r.first_month, r.last_month, r.report,
       r.run_ids, r.built_at
FROM stability_reports AS r
JOIN stability_studies AS s USING (study_id)
WHERE r.site = :site
ORDER BY r.built_at DESC, r.study_id, r.first_month;
