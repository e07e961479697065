-- Store the suggestions for a reference's questions, given as one JSON list.
-- Binds: site (text), model_version (text), first_month (text), last_month (text),
--        answers (jsonb)
-- Index: drift_reference_answers_pkey
INSERT INTO drift_reference_answers (
    site, model_version, first_month, last_month, question_id, tags, scores
)
SELECT :site, :model_version, :first_month, :last_month, a.question_id, a.tags, a.scores
FROM jsonb_to_recordset(CAST(:answers AS jsonb)) AS a (
    question_id bigint, tags text [], scores double precision []
)
ON CONFLICT DO NOTHING;
