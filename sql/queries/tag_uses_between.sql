-- How often each tag was used in [start, end), as settled so far.
-- Binds: site (text), start (timestamptz), end (timestamptz)
-- Index: question_tags_asked_at_idx
SELECT tag, count(*) AS uses
FROM question_tags AS t
CROSS JOIN LATERAL unnest(t.tags) AS tag
WHERE t.site = :site
  AND t.asked_at >= :start
  AND t.asked_at < :end
GROUP BY tag;
