-- The units of an A/B test that shared the traffic, in the order in which they came: the API key and
-- the client, else the question, else the title; the variant each was given, and the mean F1@`top` of
-- its answers whose true tags are known: the question's tags as settled so far or, with `feedback`, the
-- last feedback of the API key that asked. Tags are compared by their canonical names. A unit that
-- changed its variant, which cannot happen, would show as two.
-- Binds: ab_test_id (bigint), top (int), feedback (boolean)
-- Index: predictions_ab_test_idx, feedback_prediction_idx, question_tags_pkey, canonical_tags_pkey
SELECT
    p.key_name,
    coalesce('client:' || p.client, 'question:' || p.question_id::text, 'title:' || p.title) AS unit,
    p.variant,
    avg(2.0 * hits.hit_count / (CAST(:top AS int) + cardinality(truth.tags)))::double precision AS score
FROM predictions AS p
LEFT JOIN LATERAL (
    SELECT with_canonical_names(p.site, coalesce(
        (SELECT tags FROM question_tags WHERE site = p.site AND question_id = p.question_id),
        (SELECT final_tags FROM feedback
         WHERE CAST(:feedback AS boolean)
           AND prediction_id = p.prediction_id
           AND key_name IS NOT DISTINCT FROM p.key_name
         ORDER BY given_at DESC LIMIT 1)
    )) AS tags
) AS truth ON cardinality(truth.tags) > 0
LEFT JOIN LATERAL (
    SELECT count(*) AS hit_count
    FROM unnest(with_canonical_names(p.site, ARRAY(
        SELECT suggestion ->> 'tag'
        FROM jsonb_array_elements(p.tags) WITH ORDINALITY AS s (suggestion, position)
        WHERE position <= :top
        ORDER BY position
    ))) AS tag
    WHERE tag = ANY (truth.tags)
) AS hits ON truth.tags IS NOT NULL
WHERE p.ab_test_id = :ab_test_id AND NOT p.shadow
GROUP BY p.key_name, unit, p.variant
ORDER BY min(p.asked_at), unit;
