-- F1@`top` of champion and challenger on each question that an API key asked in a shadow A/B test and
-- whose tags the site has told, in the order in which they came. Feedback from the page or a client
-- does not count here: it was given by somebody who saw the champion's suggestions only. Tags are
-- compared by their canonical names.
-- Binds: ab_test_id (bigint), top (int)
-- Index: predictions_ab_test_idx, predictions_pkey, question_tags_pkey, canonical_tags_pkey
WITH scored AS (
    SELECT
        p.key_name,
        p.question_id,
        p.asked_at,
        p.variant,
        2.0 * (
            SELECT count(*)
            FROM unnest(with_canonical_names(p.site, ARRAY(
                SELECT suggestion ->> 'tag'
                FROM jsonb_array_elements(p.tags) WITH ORDINALITY AS s (suggestion, position)
                WHERE position <= :top
                ORDER BY position
            ))) AS tag
            WHERE tag = ANY (truth.tags)
        ) / (CAST(:top AS int) + cardinality(truth.tags)) AS score
    FROM predictions AS p
    JOIN question_tags AS t ON t.site = p.site AND t.question_id = p.question_id
    CROSS JOIN LATERAL with_canonical_names(t.site, t.tags) AS truth (tags)
    WHERE p.ab_test_id = :ab_test_id AND cardinality(truth.tags) > 0
)
SELECT
    key_name,
    (avg(score) FILTER (WHERE variant = 'champion'))::double precision AS champion,
    (avg(score) FILTER (WHERE variant = 'challenger'))::double precision AS challenger
FROM scored
GROUP BY key_name, question_id
HAVING count(DISTINCT variant) = 2
ORDER BY min(asked_at), question_id;
