-- What the site says of its tags.
-- Binds: site (text)
-- Index: tag_descriptions_pkey
SELECT tag, description
FROM tag_descriptions
WHERE site = :site AND description IS NOT NULL
ORDER BY tag;
