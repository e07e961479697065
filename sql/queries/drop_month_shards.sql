-- Delete the shards of a month with one content hash.
-- Binds: site (text), month (text), version (text), content_hash (text)
-- Index: month_shards_pkey
DELETE FROM month_shards
WHERE site = :site
  AND month = :month
  AND version = :version
  AND content_hash = :content_hash;
