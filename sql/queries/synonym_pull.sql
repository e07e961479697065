-- When a site's synonyms were last read from it, and when the newest of them was made there.
-- Binds: site (text)
-- Index: synonym_pulls_pkey, tag_synonyms_pkey
SELECT
    p.full_at,
    p.pulled_at,
    (SELECT max(created_at) FROM tag_synonyms WHERE site = p.site AND source = 'api') AS newest_at
FROM synonym_pulls AS p
WHERE p.site = :site;
