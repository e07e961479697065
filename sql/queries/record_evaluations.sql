-- Store figures of one model on one month; measured again, the later figures replace the earlier.
-- Binds: site (text), candidate (text), model_version (text), run_id (text), train_first (text), train_last (text), test_month (text), test_from (date), test_until (date), slices (text[]), metrics (text[]), values (float8[]), question_counts (int[])
-- Index: evaluations_pkey
INSERT INTO evaluations (site, candidate, model_version, run_id, train_first, train_last, test_month,
                         test_from, test_until, slice, metric, value, question_count)
SELECT :site, :candidate, :model_version, :run_id, :train_first, :train_last, :test_month,
       CAST(:test_from AS date), CAST(:test_until AS date), measured.slice, measured.metric, measured.value, measured.question_count
FROM unnest(CAST(:slices AS text[]), CAST(:metrics AS text[]), CAST(:values AS float8[]),
            CAST(:question_counts AS int[])) AS measured (slice, metric, value, question_count)
ON CONFLICT (site, model_version, test_month, slice, metric) DO UPDATE
SET value = EXCLUDED.value,
    question_count = EXCLUDED.question_count,
    run_id = EXCLUDED.run_id,
    test_from = EXCLUDED.test_from,
    test_until = EXCLUDED.test_until,
    evaluated_at = now();
