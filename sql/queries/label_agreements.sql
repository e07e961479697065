-- How well the first and the settled tags of each month agree whose second reading is finished, oldest first.
-- Binds: site (text), first_month (text)
-- Index: label_readings_pkey
SELECT
    month,
    sum(question_count) AS question_count,
    sum(compared_count) AS compared_count,
    sum(changed_count) AS changed_count,
    sum(f1_sum) / nullif(sum(compared_count), 0) AS mean_f1,
    sum(first_age_days) / nullif(sum(compared_count), 0) AS first_age_days,
    sum(settled_age_days) / nullif(sum(question_count), 0) AS settled_age_days,
    sum(request_count) AS request_count,
    max(finished_at) AS finished_at
FROM label_readings
WHERE site = :site AND month >= :first_month
GROUP BY month
HAVING bool_and(finished_at IS NOT NULL)
ORDER BY month;
