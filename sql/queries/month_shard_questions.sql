-- Ids, dates and tags of a month's questions, a row for each part.
-- Binds: site (text), month (text), version (text), content_hash (text)
-- Index: month_shards_pkey
SELECT part, question_count, questions
FROM month_shards
WHERE site = :site
  AND month = :month
  AND version = :version
  AND content_hash = :content_hash
ORDER BY part;
