-- Note a refresh that was judged; judged again up to the same day, the later judgement counts.
-- Binds: site (text), learned_until (timestamptz), cause (text), reason (text), test_from (timestamptz), champion_version (text), training_run_id (text), version (text), decision (text), new_tags (text[])
-- Index: refreshes_pkey
INSERT INTO refreshes (
    site, learned_until, cause, reason, test_from, champion_version, training_run_id, version, decision, new_tags
)
VALUES (
    :site, :learned_until, :cause, :reason, :test_from, :champion_version, :training_run_id, :version, :decision,
    :new_tags
)
ON CONFLICT (site, learned_until) DO UPDATE
SET cause = EXCLUDED.cause,
    reason = EXCLUDED.reason,
    test_from = EXCLUDED.test_from,
    champion_version = EXCLUDED.champion_version,
    training_run_id = EXCLUDED.training_run_id,
    version = EXCLUDED.version,
    decision = EXCLUDED.decision,
    new_tags = EXCLUDED.new_tags,
    judged_at = now();
