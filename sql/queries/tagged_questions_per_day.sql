-- Questions with a tag by UTC day in [start, end); days without any are missing.
-- Binds: site (text), start (timestamptz), end (timestamptz)
-- Index: question_tags_asked_at_idx
SELECT date_trunc('day', asked_at, 'UTC') AS day, count(*) AS question_count
FROM question_tags
WHERE site = :site
  AND asked_at >= :start
  AND asked_at < :end
  AND cardinality(with_canonical_names(site, tags)) > 0
GROUP BY day
ORDER BY day;
