-- Store the canonical tag of each tag that is not canonical itself; null for a retired one.
-- Binds: site (text), tags (text[]), canonical (text[])
-- Index: canonical_tags_pkey
INSERT INTO canonical_tags AS c (site, tag, canonical)
SELECT :site, given.tag, given.canonical
FROM unnest(CAST(:tags AS text[]), CAST(:canonical AS text[])) AS given (tag, canonical)
ON CONFLICT (site, tag) DO UPDATE SET canonical = excluded.canonical
WHERE c.canonical IS DISTINCT FROM excluded.canonical;
