-- Open an A/B test; refused by the index while another is open.
-- Binds: champion_version (text), challenger_version (text), share (real), shadow (boolean),
--        started_by (text)
-- Index: none
INSERT INTO ab_tests (champion_version, challenger_version, share, shadow, started_by)
VALUES (:champion_version, :challenger_version, :share, :shadow, :started_by)
RETURNING ab_test_id;
