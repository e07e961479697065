-- When a site's tag descriptions last changed; null if there is none.
-- Binds: site (text)
-- Index: tag_descriptions_pkey
SELECT max(written_at) FROM tag_descriptions WHERE site = :site;
