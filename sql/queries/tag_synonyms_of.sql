-- What is known of a site's tags; where two sources speak of one tag, the file: a person chose it.
-- Binds: site (text)
-- Index: tag_synonyms_pkey
SELECT DISTINCT ON (from_tag) from_tag, to_tag, created_at
FROM tag_synonyms
WHERE site = :site
ORDER BY from_tag, source = 'file' DESC;
