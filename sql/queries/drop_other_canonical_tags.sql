-- Delete the names of tags that are canonical again.
-- Binds: site (text), tags (text[])
-- Index: canonical_tags_pkey
DELETE FROM canonical_tags WHERE site = :site AND NOT tag = ANY (CAST(:tags AS text[]));
