-- Tags whose description was never read, most used first; then those that were read before `stale`, oldest first.
-- Binds: site (text), start (timestamptz), stale (timestamptz), most (integer)
-- Index: question_tags_asked_at_idx, tag_descriptions_pkey
SELECT used.tag
FROM (
    SELECT tag, count(*) AS uses
    FROM question_tags AS t
    CROSS JOIN LATERAL unnest(with_canonical_names(t.site, t.tags)) AS tag
    WHERE t.site = :site AND t.asked_at >= :start
    GROUP BY tag
) AS used
LEFT JOIN tag_descriptions AS d ON d.site = :site AND d.tag = used.tag
WHERE d.tag IS NULL OR d.read_at < :stale
ORDER BY d.read_at NULLS FIRST, used.uses DESC, used.tag
LIMIT :most;
