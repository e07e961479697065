-- Store what a source says of tags; a row that says the same as before is left alone.
-- Binds: site (text), source (text), from_tags (text[]), to_tags (text[]), created_at (timestamptz[])
-- Index: tag_synonyms_pkey
INSERT INTO tag_synonyms AS s (site, source, from_tag, to_tag, created_at)
SELECT :site, :source, given.from_tag, given.to_tag, given.created_at
FROM unnest(
    CAST(:from_tags AS text[]), CAST(:to_tags AS text[]), CAST(:created_at AS timestamptz[])
) AS given (from_tag, to_tag, created_at)
ON CONFLICT (site, from_tag, source) DO UPDATE SET
    to_tag = excluded.to_tag,
    created_at = excluded.created_at,
    known_at = CASE WHEN s.to_tag IS DISTINCT FROM excluded.to_tag THEN now() ELSE s.known_at END
WHERE (s.to_tag, s.created_at) IS DISTINCT FROM (excluded.to_tag, excluded.created_at);
