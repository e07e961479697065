-- A study's models that were refitted within its months, from a first month to a last, both included, oldest first;
-- those of months whose questions have changed since are left out.
-- Binds: study_id (text), first_month (text), last_month (text)
-- Index: stability_refits_pkey, stability_months_pkey
SELECT r.month, r.refitted_on, r.seconds, r.scores
FROM stability_refits AS r
JOIN stability_months AS m USING (study_id, month, test_id)
WHERE r.study_id = :study_id AND r.month BETWEEN :first_month AND :last_month
ORDER BY r.month, r.refitted_on;
