-- How often each tag was used in [start, end), as settled so far, by canonical names.
-- Binds: site (text), start (timestamptz), end (timestamptz)
-- Index: question_tags_asked_at_idx, canonical_tags_pkey
SELECT tag, count(*) AS uses
FROM question_tags AS t
CROSS JOIN LATERAL unnest(with_canonical_names(t.site, t.tags)) AS tag
WHERE t.site = :site
  AND t.asked_at >= :start
  AND t.asked_at < :end
GROUP BY tag;
