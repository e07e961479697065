-- End an A/B test with its verdict.
-- Binds: ab_test_id (bigint), verdict (text), reason (text), figures (jsonb)
-- Index: ab_tests_pkey
UPDATE ab_tests
SET ended_at = now(), verdict = :verdict, reason = :reason, figures = CAST(:figures AS jsonb)
WHERE ab_test_id = :ab_test_id AND ended_at IS NULL;
