-- Term counts of one part of a month's questions.
-- Binds: site (text), month (text), version (text), content_hash (text), part (int)
-- Index: month_shards_pkey
SELECT counts
FROM month_shards
WHERE site = :site
  AND month = :month
  AND version = :version
  AND content_hash = :content_hash
  AND part = :part;
