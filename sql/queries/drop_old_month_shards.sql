-- Delete what other contents and versions of a month left, once nobody can be reading it any more.
-- Binds: site (text), month (text), version (text), content_hash (text), before (timestamptz)
-- Index: month_shards_pkey
DELETE FROM month_shards
WHERE site = :site
  AND month = :month
  AND (version, content_hash) <> (:version, :content_hash)
  AND built_at < :before;
