-- Give the shards of a month that were stored while they were built the hash of the whole month.
-- Binds: site (text), month (text), version (text), building (text), content_hash (text)
-- Index: month_shards_pkey
UPDATE month_shards
SET content_hash = :content_hash
WHERE site = :site
  AND month = :month
  AND version = :version
  AND content_hash = :building;
