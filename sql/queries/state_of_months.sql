-- Stored questions of each UTC month since `start`.
-- Binds: site (text), start (timestamptz)
-- Index: questions_site_asked_at_idx
SELECT to_char(asked_at AT TIME ZONE 'UTC', 'YYYY-MM') AS month, count(*) AS question_count
FROM questions
WHERE site = :site AND asked_at >= :start
GROUP BY month
ORDER BY month;
