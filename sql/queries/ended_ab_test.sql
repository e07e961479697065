-- An A/B test that has ended, with what it came to.
-- Binds: ab_test_id (bigint)
-- Index: ab_tests_pkey
SELECT ab_test_id, champion_version, challenger_version, share, shadow, started_at, started_by,
       ended_at, verdict, reason, figures
FROM ab_tests
WHERE ab_test_id = :ab_test_id AND ended_at IS NOT NULL;
