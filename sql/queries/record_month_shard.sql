-- Store one part of a month; one that is there already says the same.
-- Binds: site (text), month (text), version (text), content_hash (text), part (int),
--        question_count (int), questions (bytea), counts (bytea)
-- Index: month_shards_pkey
INSERT INTO month_shards (
    site, month, version, content_hash, part, question_count, questions, counts
)
VALUES (
    :site, :month, :version, :content_hash, :part, :question_count, :questions, :counts
)
ON CONFLICT (site, month, version, content_hash, part) DO UPDATE SET built_at = now();
