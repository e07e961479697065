-- Count one UTC day's answers again: how many are judged (true tags known: the last feedback, else the
-- question's tags as settled so far), the sums that precision and recall are made of, those of the F1 of
-- the tags suggested outright, and the median latency; and the sums of each model version, with what the scores
-- of its suggestions let expect. Tags are compared by their canonical names. A day without answers gets a row as well, so that it is not counted every time.
-- Binds: site (text), day (date), start (timestamptz), end (timestamptz), top (int)
-- Index: predictions_asked_at_idx, feedback_prediction_idx, question_tags_pkey, daily_indicators_pkey,
-- daily_version_quality_pkey, canonical_tags_pkey
WITH answered AS MATERIALIZED (  -- each array is made once, not wherever it is read
    SELECT
        p.model_version,
        p.latency_ms,
        with_canonical_names(p.site, coalesce(f.final_tags, t.tags)) AS truth,
        with_canonical_names(p.site, ARRAY(
            SELECT suggestion ->> 'tag'
            FROM jsonb_array_elements(p.tags) WITH ORDINALITY AS s (suggestion, position)
            WHERE position <= :top
            ORDER BY position
        )) AS suggested,
        with_canonical_names(p.site, ARRAY(
            SELECT suggestion ->> 'tag'
            FROM jsonb_array_elements(p.tags) WITH ORDINALITY AS s (suggestion, position)
            WHERE position <= p.suggested_count
            ORDER BY position
        )) AS suggested_set,
        p.suggested_count IS NOT NULL AS set_known,
        score.shown_count,
        score.expected_hits,
        score.expected_variance
    FROM predictions AS p
    CROSS JOIN LATERAL (
        SELECT
            count(*) AS shown_count,
            coalesce(sum(value), 0) AS expected_hits,
            coalesce(sum(value * (1 - value)), 0) AS expected_variance
        FROM (
            SELECT (suggestion ->> 'score')::double precision AS value
            FROM jsonb_array_elements(p.tags) WITH ORDINALITY AS s (suggestion, position)
            WHERE position <= :top
        ) AS shown
    ) AS score
    LEFT JOIN LATERAL (
        SELECT final_tags
        FROM feedback
        WHERE prediction_id = p.prediction_id AND key_name IS NOT DISTINCT FROM p.key_name
        ORDER BY given_at DESC
        LIMIT 1
    ) AS f ON true
    LEFT JOIN question_tags AS t ON t.site = p.site AND t.question_id = p.question_id
    WHERE p.site = :site AND p.asked_at >= :start AND p.asked_at < :end AND NOT p.shadow
), counted AS (
    SELECT
        model_version,
        latency_ms,
        shown_count,
        expected_hits,
        expected_variance,
        truth IS NOT NULL AS judged,
        CASE WHEN truth IS NOT NULL THEN cardinality(suggested) END AS suggested_count,
        cardinality(truth) AS truth_count,
        CASE WHEN truth IS NOT NULL THEN (
            SELECT count(*) FROM unnest(suggested) AS tag WHERE tag = ANY (truth)
        ) END AS hit_count,
        CASE WHEN cardinality(truth) > 0 AND set_known THEN 2.0 * (
            SELECT count(*) FROM unnest(suggested_set) AS tag WHERE tag = ANY (truth)
        ) / (cardinality(suggested_set) + cardinality(truth)) END AS set_f1
    FROM answered
), by_version AS (
    INSERT INTO daily_version_quality AS v (
        site, day, model_version, judged, suggested_count, truth_count, hit_count,
        set_judged, set_f1_sum, answers, shown_count, expected_hits, expected_variance, expected_squares,
        judged_expected_hits
    )
    SELECT
        :site,
        :day,
        model_version,
        count(*) FILTER (WHERE judged),
        coalesce(sum(suggested_count), 0),
        coalesce(sum(truth_count), 0),
        coalesce(sum(hit_count), 0),
        count(set_f1),
        coalesce(sum(set_f1), 0),
        count(*),
        sum(shown_count),
        sum(expected_hits),
        sum(expected_variance),
        sum(expected_hits * expected_hits),
        coalesce(sum(expected_hits) FILTER (WHERE judged), 0)
    FROM counted
    GROUP BY model_version
    ON CONFLICT (site, day, model_version) DO UPDATE SET
        judged = excluded.judged,
        suggested_count = excluded.suggested_count,
        truth_count = excluded.truth_count,
        hit_count = excluded.hit_count,
        set_judged = excluded.set_judged,
        set_f1_sum = excluded.set_f1_sum,
        answers = excluded.answers,
        shown_count = excluded.shown_count,
        expected_hits = excluded.expected_hits,
        expected_variance = excluded.expected_variance,
        expected_squares = excluded.expected_squares,
        judged_expected_hits = excluded.judged_expected_hits
)
INSERT INTO daily_indicators AS d (
    site, day, answers, judged, suggested_count, truth_count, hit_count, latency_ms,
    set_judged, set_f1_sum
)
SELECT
    :site,
    :day,
    count(*),
    count(*) FILTER (WHERE judged),
    coalesce(sum(suggested_count), 0),
    coalesce(sum(truth_count), 0),
    coalesce(sum(hit_count), 0),
    coalesce(percentile_cont(0.5) WITHIN GROUP (ORDER BY latency_ms), 0),
    count(set_f1),
    coalesce(sum(set_f1), 0)
FROM counted
ON CONFLICT (site, day) DO UPDATE SET
    answers = excluded.answers,
    judged = excluded.judged,
    suggested_count = excluded.suggested_count,
    truth_count = excluded.truth_count,
    hit_count = excluded.hit_count,
    latency_ms = excluded.latency_ms,
    set_judged = excluded.set_judged,
    set_f1_sum = excluded.set_f1_sum,
    computed_at = clock_timestamp();
