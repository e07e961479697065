-- Write down what a look at an A/B test came to.
-- Binds: ab_test_id (bigint), verdict (text), reason (text), figures (jsonb)
-- Index: none
INSERT INTO ab_verdicts (ab_test_id, verdict, reason, figures)
VALUES (:ab_test_id, :verdict, :reason, CAST(:figures AS jsonb));
