-- Delete what a source said before of tags that it no longer lists.
-- Binds: site (text), source (text), from_tags (text[])
-- Index: tag_synonyms_pkey
DELETE FROM tag_synonyms
WHERE site = :site
  AND source = :source
  AND NOT from_tag = ANY (CAST(:from_tags AS text[]));
