-- Record a month whose shards are stored.
-- Binds: site (text), month (text), version (text), row_state (text), content_hash (text),
--        question_count (int), untagged_count (int)
-- Index: stored_months_pkey
INSERT INTO stored_months (
    site, month, version, row_state, content_hash, question_count, untagged_count
)
VALUES (
    :site, :month, :version, :row_state, :content_hash, :question_count, :untagged_count
)
ON CONFLICT (site, month, version) DO UPDATE SET
    row_state = excluded.row_state,
    content_hash = excluded.content_hash,
    question_count = excluded.question_count,
    untagged_count = excluded.untagged_count,
    built_at = now();
