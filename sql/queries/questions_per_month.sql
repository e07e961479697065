-- Number of a site's stored questions in each UTC month that has any, in order of month.
-- Binds: site (text)
-- Index: questions_site_asked_at_idx
SELECT to_char(asked_at AT TIME ZONE 'UTC', 'YYYY-MM') AS month, count(*) AS question_count
FROM questions
WHERE site = :site
GROUP BY month
ORDER BY month;
