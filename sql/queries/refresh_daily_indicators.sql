-- Count one UTC day's answers again: how many are judged (their true tags are known), the sums that precision and
-- recall are made of, those of the F1 of the tags suggested outright, and the median latency; and the sums of
-- each model version, with the F1 that the scores of its suggestions let expect, as in
-- `include/drift/estimated_f1.py`, and how much of it was error where the truth is known. Tags are compared by their
-- canonical names. A day without answers gets a row as well, so that it is not counted every time.
-- Binds: site (text), day (date), start (timestamptz), end (timestamptz), top (int), newest (int)
-- Index: predictions_asked_at_idx, feedback_prediction_idx, question_tags_pkey, daily_indicators_pkey,
-- daily_version_quality_pkey, canonical_tags_pkey, questions_site_asked_at_idx
WITH tag_counts AS MATERIALIZED (  -- of the newest questions whose tags are known
    SELECT tag_count, count(*)::double precision / sum(count(*)) OVER () AS share
    FROM (
        SELECT cardinality(t.tags) AS tag_count
        FROM questions AS q
        JOIN question_tags AS t USING (site, question_id)
        WHERE q.site = :site
        ORDER BY q.asked_at DESC
        LIMIT :newest
    ) AS questions
    WHERE tag_count > 0
    GROUP BY tag_count
), answered AS MATERIALIZED (  -- each array is made once, not wherever it is read
    SELECT
        p.model_version,
        p.latency_ms,
        p.true_tags,
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
        expected.f1 AS expected_f1,
        coalesce((expected.f1 / nullif(score.hits, 0)) ^ 2 * score.variance, 0) AS label_variance,
        expected.set_f1 AS expected_set_f1
    FROM answers_with_truth AS p
    CROSS JOIN LATERAL (
        SELECT
            count(*) AS shown_count,
            coalesce(sum(value), 0) AS hits,
            coalesce(sum(value * (1 - value)), 0) AS variance,
            coalesce(sum(value) FILTER (WHERE position <= p.suggested_count), 0) AS set_hits
        FROM (
            SELECT position, (suggestion ->> 'score')::double precision AS value
            FROM jsonb_array_elements(p.tags) WITH ORDINALITY AS s (suggestion, position)
            WHERE position <= :top
        ) AS shown
    ) AS score
    CROSS JOIN LATERAL (
        SELECT
            sum(share * 2 * hits / (shown_count + greatest(tag_count, hits))) AS f1,
            sum(share * 2 * set_hits / (p.suggested_count + greatest(tag_count, set_hits))) AS set_f1
        FROM tag_counts
    ) AS expected
    WHERE p.site = :site AND p.asked_at >= :start AND p.asked_at < :end AND NOT p.shadow
), matched AS (
    SELECT
        *,
        true_tags IS NOT NULL AS judged,
        cardinality(true_tags) AS truth_count,
        cardinality(suggested) AS size,
        cardinality(suggested_set) AS set_size,
        (SELECT count(*) FROM unnest(suggested) AS tag WHERE tag = ANY (true_tags)) AS hit_count,
        (SELECT count(*) FROM unnest(suggested_set) AS tag WHERE tag = ANY (true_tags)) AS set_hit_count
    FROM answered
), counted AS (
    SELECT
        *,
        CASE WHEN truth_count > 0 THEN 2.0 * hit_count / (size + truth_count) END AS f1,
        CASE WHEN truth_count > 0 AND set_known THEN
            2.0 * set_hit_count / (set_size + truth_count)
        END AS set_f1
    FROM matched
), by_version AS (
    INSERT INTO daily_version_quality AS v (
        site, day, model_version, judged, suggested_count, truth_count, hit_count, set_judged, set_f1_sum,
        estimated_count, expected_f1_sum, expected_f1_squares, label_variance_sum,
        estimated_set_count, expected_set_f1_sum,
        f1_error_count, f1_error_sum, set_f1_error_count, set_f1_error_sum
    )
    SELECT
        :site,
        :day,
        model_version,
        count(*) FILTER (WHERE judged),
        coalesce(sum(size) FILTER (WHERE judged), 0),
        coalesce(sum(truth_count), 0),
        coalesce(sum(hit_count) FILTER (WHERE judged), 0),
        count(set_f1),
        coalesce(sum(set_f1), 0),
        count(expected_f1),
        coalesce(sum(expected_f1), 0),
        coalesce(sum(expected_f1 ^ 2), 0),
        coalesce(sum(label_variance) FILTER (WHERE expected_f1 IS NOT NULL), 0),
        count(expected_set_f1),
        coalesce(sum(expected_set_f1), 0),
        count(expected_f1 - f1),
        coalesce(sum(expected_f1 - f1), 0),
        count(expected_set_f1 - set_f1),
        coalesce(sum(expected_set_f1 - set_f1), 0)
    FROM counted
    GROUP BY model_version
    ON CONFLICT (site, day, model_version) DO UPDATE SET
        judged = excluded.judged,
        suggested_count = excluded.suggested_count,
        truth_count = excluded.truth_count,
        hit_count = excluded.hit_count,
        set_judged = excluded.set_judged,
        set_f1_sum = excluded.set_f1_sum,
        estimated_count = excluded.estimated_count,
        expected_f1_sum = excluded.expected_f1_sum,
        expected_f1_squares = excluded.expected_f1_squares,
        label_variance_sum = excluded.label_variance_sum,
        estimated_set_count = excluded.estimated_set_count,
        expected_set_f1_sum = excluded.expected_set_f1_sum,
        f1_error_count = excluded.f1_error_count,
        f1_error_sum = excluded.f1_error_sum,
        set_f1_error_count = excluded.set_f1_error_count,
        set_f1_error_sum = excluded.set_f1_error_sum
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
    coalesce(sum(size) FILTER (WHERE judged), 0),
    coalesce(sum(truth_count), 0),
    coalesce(sum(hit_count) FILTER (WHERE judged), 0),
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
