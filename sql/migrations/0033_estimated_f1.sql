-- What the scores of a version's answers let expect is F1 now, of the best suggestions and of the set that was
-- suggested outright, instead of precision. Days have none until they are counted again, within a day.
ALTER TABLE daily_version_quality
    DROP COLUMN answers,
    DROP COLUMN shown_count,
    DROP COLUMN expected_hits,
    DROP COLUMN expected_variance,
    DROP COLUMN expected_squares,
    DROP COLUMN judged_expected_hits,
    ADD COLUMN estimated_count     bigint           NOT NULL DEFAULT 0,  -- answers with an expected F1
    ADD COLUMN expected_f1_sum     double precision NOT NULL DEFAULT 0,
    ADD COLUMN expected_f1_squares double precision NOT NULL DEFAULT 0,  -- sum of squares
    ADD COLUMN label_variance_sum  double precision NOT NULL DEFAULT 0,  -- variance of F1 given the scores
    ADD COLUMN expected_set_f1_sum double precision NOT NULL DEFAULT 0,
    ADD COLUMN estimated_set_count bigint           NOT NULL DEFAULT 0,
    ADD COLUMN f1_error_sum        double precision NOT NULL DEFAULT 0,  -- expected minus true, judged answers
    ADD COLUMN f1_error_count      bigint           NOT NULL DEFAULT 0,
    ADD COLUMN set_f1_error_sum    double precision NOT NULL DEFAULT 0,
    ADD COLUMN set_f1_error_count  bigint           NOT NULL DEFAULT 0;

-- Answers with their true tags by canonical names: the last feedback of their own client, else the question's tags
-- as settled so far; NULL while neither is known.
CREATE VIEW answers_with_truth AS
SELECT
    p.site,
    p.asked_at,
    p.prediction_id,
    p.title,
    p.body,
    p.tags,
    p.suggested_count,
    p.model_version,
    p.shadow,
    p.latency_ms,
    with_canonical_names(p.site, coalesce(f.final_tags, t.tags)) AS true_tags
FROM predictions AS p
LEFT JOIN LATERAL (
    SELECT final_tags
    FROM feedback
    WHERE prediction_id = p.prediction_id AND key_name IS NOT DISTINCT FROM p.key_name
    ORDER BY given_at DESC
    LIMIT 1
) AS f ON true
LEFT JOIN question_tags AS t ON t.site = p.site AND t.question_id = p.question_id;
