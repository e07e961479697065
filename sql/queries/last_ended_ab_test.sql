-- The A/B test that ended last with what it came to, if it ended at or after a moment.
-- Binds: since (timestamptz)
-- Index: none (ab_tests holds a row per test: a handful a year)
SELECT ab_test_id, champion_version, challenger_version, share, shadow, started_at, started_by,
       ended_at, verdict, reason, figures
FROM ab_tests
WHERE ended_at >= :since
ORDER BY ended_at DESC, ab_test_id DESC
LIMIT 1;
