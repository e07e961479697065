-- The service's indicators by UTC day since `start`: answers, how many of them are judged (true
-- tags known: the last feedback, else the question's tags as settled so far), the share of
-- suggested tags that were true, the share of true tags that were suggested, median latency.
-- Binds: site (text), start (timestamptz), top (int)
-- Index: predictions_asked_at_idx, feedback_prediction_idx, question_tags_pkey
WITH answered AS (
    SELECT
        (p.asked_at AT TIME ZONE 'UTC')::date AS day,
        p.latency_ms,
        coalesce(f.final_tags, t.tags) AS truth,
        ARRAY(
            SELECT suggestion ->> 'tag'
            FROM jsonb_array_elements(p.tags) WITH ORDINALITY AS s (suggestion, position)
            WHERE position <= :top
        ) AS suggested
    FROM predictions AS p
    LEFT JOIN LATERAL (
        SELECT final_tags
        FROM feedback
        WHERE prediction_id = p.prediction_id AND key_name IS NOT DISTINCT FROM p.key_name
        ORDER BY given_at DESC
        LIMIT 1
    ) AS f ON true
    LEFT JOIN question_tags AS t ON t.site = p.site AND t.question_id = p.question_id
    WHERE p.site = :site AND p.asked_at >= :start AND NOT p.shadow
), counted AS (
    SELECT
        day,
        latency_ms,
        truth IS NOT NULL AS judged,
        CASE WHEN truth IS NOT NULL THEN cardinality(suggested) END AS suggested_count,
        cardinality(truth) AS truth_count,
        CASE WHEN truth IS NOT NULL THEN (
            SELECT count(*) FROM unnest(suggested) AS tag WHERE tag = ANY (truth)
        ) END AS hit_count
    FROM answered
)
SELECT
    day,
    count(*) AS answers,
    count(*) FILTER (WHERE judged) AS judged,
    (sum(hit_count) / nullif(sum(suggested_count), 0))::double precision AS precision,
    (sum(hit_count) / nullif(sum(truth_count), 0))::double precision AS coverage,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY latency_ms) AS latency_ms
FROM counted
GROUP BY day
ORDER BY day;
