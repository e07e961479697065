-- Write what came true into hourly reports whose F1 was estimated: F1 of the distinct questions of the hour whose true
-- tags are known, over the best suggestions. First once true tags are expected, and again once they are settled.
-- Returns the reports. Runs at the same time share the reports between them.
-- Binds: site (text), now (timestamptz), known_after (interval), settled_after (interval), top (int), count (int)
-- Index: drift_reports_verdict_idx, predictions_asked_at_idx, feedback_prediction_idx, question_tags_pkey
WITH due AS MATERIALIZED (
    SELECT report_id, site, model_version, window_start, window_end
    FROM drift_reports
    WHERE site = :site
      AND kind = 'predictions'
      AND window_end < CAST(:now AS timestamptz) - CAST(:known_after AS interval)
      AND summary ->> 'f1_estimated' IS NOT NULL
      AND (
          summary ->> 'judged_at' IS NULL
          OR (
              window_end < CAST(:now AS timestamptz) - CAST(:settled_after AS interval)
              AND CAST(summary ->> 'judged_at' AS timestamptz) - window_end < CAST(:settled_after AS interval)
          )
      )
    ORDER BY window_start DESC
    LIMIT :count
    FOR UPDATE SKIP LOCKED
), judged AS (
    SELECT due.report_id, count(asked.f1) AS answers, avg(asked.f1) AS f1
    FROM due
    LEFT JOIN LATERAL (
        SELECT DISTINCT ON (md5(a.title || ' ' || a.body))
            2.0 * (SELECT count(*) FROM unnest(s.suggested) AS tag WHERE tag = ANY (a.true_tags))
            / (CAST(:top AS int) + cardinality(a.true_tags)) AS f1
        FROM answers_with_truth AS a
        CROSS JOIN LATERAL (
            SELECT with_canonical_names(a.site, ARRAY(
                SELECT suggestion ->> 'tag'
                FROM jsonb_array_elements(a.tags) WITH ORDINALITY AS t (suggestion, position)
                WHERE position <= :top
            )) AS suggested
        ) AS s
        WHERE a.asked_at >= due.window_start
          AND a.asked_at < due.window_end
          AND a.site = due.site
          AND a.model_version = due.model_version
          AND NOT a.shadow
          AND cardinality(a.true_tags) > 0
        ORDER BY md5(a.title || ' ' || a.body), a.asked_at
    ) AS asked ON true
    GROUP BY due.report_id
)
UPDATE drift_reports AS r SET
    summary = r.summary || jsonb_build_object(
        'judged_at', CAST(:now AS timestamptz), 'judged_answers', judged.answers, 'f1_judged', judged.f1
    )
FROM judged
WHERE r.report_id = judged.report_id
RETURNING r.report_id;
