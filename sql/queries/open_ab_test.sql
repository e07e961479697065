-- The A/B test that runs now, if any.
-- Binds: none
-- Index: ab_tests_one_open_idx
SELECT ab_test_id, champion_version, challenger_version, share, shadow, started_at, started_by
FROM ab_tests
WHERE ended_at IS NULL;
