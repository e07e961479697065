-- A study's months with refreshes by a rule from a first to a last, both included, oldest first; those whose
-- questions have changed since are left out.
-- Binds: study_id (text), first_month (text), last_month (text)
-- Index: stability_refreshes_pkey, stability_months_pkey
SELECT r.rule, r.month, r.trainings, r.seconds, r.scores
FROM stability_refreshes AS r
JOIN stability_months AS m USING (study_id, month, test_id)
WHERE r.study_id = :study_id AND r.month BETWEEN :first_month AND :last_month
ORDER BY r.rule, r.month;
