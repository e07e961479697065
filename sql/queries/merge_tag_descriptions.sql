-- Store what the site says of its tags.
-- Binds: site (text), tags (text[]), descriptions (text[]), read_at (timestamptz)
-- Index: tag_descriptions_pkey
INSERT INTO tag_descriptions (site, tag, description, read_at)
SELECT :site, given.tag, given.description, :read_at
FROM unnest(CAST(:tags AS text[]), CAST(:descriptions AS text[])) AS given (tag, description)
ON CONFLICT (site, tag) DO UPDATE SET description = excluded.description, read_at = excluded.read_at;
