-- The canonical tag of each of a site's tags that is not canonical itself; null for a retired one.
-- Binds: site (text)
-- Index: canonical_tags_pkey
SELECT tag, canonical FROM canonical_tags WHERE site = :site ORDER BY tag;
